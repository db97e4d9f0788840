package checks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
)

// Members of _meta (MCP 2026-07-28).
const (
	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaClient       = "io.modelcontextprotocol/clientInfo"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
)

// maxBody bounds what is read of an answer.
const maxBody = 8 << 20

// request is what a check sends: by default a POST of a JSON-RPC request that is
// right in everything, with what is set here different.
type request struct {
	// method is the JSON-RPC method; default the target's plain one.
	method string
	params map[string]any
	// token is sent by scheme; empty sends none.
	token string
	// scheme is Bearer or DPoP; default the one of the configuration.
	scheme string
	// proofs are those of DPoP. Default: a good one for token, or for what is
	// carried otherwise, where the scheme is DPoP.
	proofs  []string
	carried string
	// header is set on top; a nil value deletes.
	header http.Header
	// meta changes members of _meta; a nil value deletes.
	meta map[string]any
	// noMeta sends no _meta at all.
	noMeta bool
	// notification sends no id.
	notification bool
	// body replaces the JSON-RPC request.
	body       []byte
	httpMethod string
	host       string
	query      string
	url        string
}

// send sends the request and reads the answer whole, or until its first event. A
// proof that is made for the request is made again with the nonce that a server
// asks for.
func (t *target) send(ctx context.Context, r request) (*answer, error) {
	a, err := t.sendOnce(ctx, r)
	if err != nil {
		return nil, err
	}
	if nonce := a.Header.Get("DPoP-Nonce"); nonce != "" {
		t.nonce = nonce
		if r.proofs == nil && a.challengeOf(schemeDPoP)["error"] == "use_dpop_nonce" {
			return t.sendOnce(ctx, r)
		}
	}
	return a, nil
}

func (t *target) sendOnce(ctx context.Context, r request) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	req, err := t.newRequest(ctx, &r)
	if err != nil {
		return nil, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	a := &answer{Status: resp.StatusCode, Header: resp.Header}
	if !isEvents(resp.Header) {
		a.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	} else {
		a.Body, err = firstEvent(resp.Body)
	}
	if err != nil {
		return nil, fmt.Errorf("status %d, reading the answer: %w", a.Status, err)
	}
	return a, nil
}

func (t *target) newRequest(ctx context.Context, r *request) (*http.Request, error) {
	setDefault(&r.method, t.plain)
	setDefault(&r.httpMethod, http.MethodPost)
	setDefault(&r.url, t.URL)
	setDefault(&r.scheme, t.scheme())
	body := r.body
	if body == nil && r.httpMethod == http.MethodPost {
		body = t.jsonRPC(r)
	}
	req, err := http.NewRequestWithContext(ctx, r.httpMethod, r.url+r.query, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Host = r.host
	if err := t.setProofs(req.Header, r); err != nil {
		return nil, err
	}
	t.setHeader(req.Header, r)
	return req, nil
}

func (t *target) jsonRPC(r *request) []byte {
	params := map[string]any{}
	maps.Copy(params, r.params)
	if t.modern() && !r.noMeta {
		meta := map[string]any{
			metaVersion: Modern, metaClient: clientInfo, metaCapabilities: map[string]any{},
		}
		maps.Copy(meta, r.meta)
		maps.DeleteFunc(meta, func(_ string, v any) bool { return v == nil })
		params["_meta"] = meta
	}
	if r.method == "initialize" {
		maps.Copy(params, map[string]any{"protocolVersion": t.Revision, "capabilities": map[string]any{}, "clientInfo": clientInfo})
	}
	message := map[string]any{"jsonrpc": "2.0", "method": r.method, "params": params}
	if !r.notification {
		message["id"] = 1
	}
	return encode(message)
}

var clientInfo = map[string]any{"name": "rsauth", "version": "1"}

func (t *target) setHeader(h http.Header, r *request) {
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json, text/event-stream")
	if r.method != "initialize" {
		h.Set("MCP-Protocol-Version", t.Revision)
	}
	if r.token != "" {
		h.Set("Authorization", r.scheme+" "+r.token)
	}
	if t.session != "" && r.method != "initialize" {
		h.Set("Mcp-Session-Id", t.session)
	}
	if t.modern() {
		h.Set("Mcp-Method", r.method)
		if name, ok := r.params["name"].(string); ok {
			h.Set("Mcp-Name", name)
		}
	}
	for name, values := range r.header {
		name = http.CanonicalHeaderKey(name)
		if h.Del(name); values != nil {
			h[name] = values
		}
	}
}

func isEvents(h http.Header) bool {
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return mediaType == "text/event-stream"
}

func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // checks send plain values
	}
	return raw
}
