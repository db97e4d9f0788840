package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const protocolVersion = "2026-07-28"

// Probe sends single stateless requests and judges nothing: for asking again
// and again with the same token, or with none.
type Probe struct {
	Endpoint  string
	Transport http.RoundTripper
	// Token is the access token, "" for none.
	Token string
}

// Answer is what came back.
type Answer struct {
	Status    int
	Challenge string // WWW-Authenticate
	Body      []byte
}

// CallTool sends one tools/call.
func (p *Probe) CallTool(ctx context.Context, tool string, arguments map[string]any) (*Answer, error) {
	return p.send(ctx, "tools/call", map[string]any{"name": tool, "arguments": arguments}, tool)
}

// ListTools sends one tools/list.
func (p *Probe) ListTools(ctx context.Context) (*Answer, error) {
	return p.send(ctx, "tools/list", map[string]any{}, "")
}

func (p *Probe) send(ctx context.Context, method string, params map[string]any, name string) (*Answer, error) {
	params["_meta"] = map[string]any{
		mcp.MetaKeyProtocolVersion:    protocolVersion,
		mcp.MetaKeyClientInfo:         map[string]string{"name": "securedmcp-probe", "version": "1"},
		mcp.MetaKeyClientCapabilities: map[string]any{},
	}
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Endpoint, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	p.setHeaders(req, method, name)
	resp, err := p.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	return read(resp)
}

func (p *Probe) setHeaders(req *http.Request, method, name string) {
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("MCP-Protocol-Version", protocolVersion)
	req.Header.Set("Mcp-Method", method)
	if name != "" {
		req.Header.Set("Mcp-Name", name)
	}
	if p.Token != "" {
		req.Header.Set("Authorization", "Bearer "+p.Token)
	}
}

func read(resp *http.Response) (*Answer, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return nil, err
	}
	return &Answer{Status: resp.StatusCode, Challenge: resp.Header.Get("WWW-Authenticate"), Body: body}, nil
}

// Get sends a plain GET, for documents that need no token.
func (p *Probe) Get(ctx context.Context, target string) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := p.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	return read(resp)
}

// ErrNoResult is the error of Result for an answer that carries none.
var ErrNoResult = errors.New("the answer carries no JSON-RPC result")

// Result decodes the result of a JSON-RPC answer, whether it came as JSON or
// as an event stream.
func (a *Answer) Result(into any) error {
	raw := a.Body
	if _, data, ok := bytes.Cut(raw, []byte("data: ")); ok {
		raw, _, _ = bytes.Cut(data, []byte("\n"))
	}
	var message struct{ Result json.RawMessage }
	if err := json.Unmarshal(raw, &message); err != nil {
		return errors.Join(ErrNoResult, err)
	}
	if message.Result == nil {
		return ErrNoResult
	}
	return json.Unmarshal(message.Result, into)
}
