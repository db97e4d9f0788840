package runtimetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// Modern is the stateless protocol revision; the others are older.
const Modern = "2026-07-28"

// Request is one JSON-RPC request as a client of some revision sends it.
type Request struct {
	// Version is the protocol revision; default Modern.
	Version string
	// Token is sent as a bearer token; "" sends no Authorization.
	Token string
	// Method defaults to tools/list.
	Method string
	Params map[string]any
	// Meta is added to the _meta of Params.
	Meta map[string]any
	// Body replaces what Method and Params would make.
	Body string
	// Header is set on top, its nil values delete.
	Header map[string][]string
	// HTTPMethod defaults to POST.
	HTTPMethod string
	// URL defaults to the resource.
	URL string
	// Host defaults to the URL's.
	Host string
}

// Response is an answer, read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Call is a tools/call request.
func Call(token, tool string, args map[string]any) Request {
	return Request{Token: token, Method: "tools/call", Params: map[string]any{"name": tool, "arguments": args}}
}

// Do sends q and returns the answer.
func (r *Runtime) Do(q Request) *Response {
	r.t.Helper()
	req := r.NewRequest(q)
	resp, err := r.HTTP.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: reading the answer: %v", req.Method, req.URL, err)
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body}
}

// NewRequest builds the HTTP request of q.
func (r *Runtime) NewRequest(q Request) *http.Request {
	r.t.Helper()
	setDefault(&q.Version, Modern)
	setDefault(&q.Method, "tools/list")
	setDefault(&q.HTTPMethod, http.MethodPost)
	if r.resource != nil {
		setDefault(&q.URL, r.resource.String())
	}
	body := q.Body
	if body == "" {
		body = q.jsonRPC()
	}
	req, err := http.NewRequestWithContext(context.Background(), q.HTTPMethod, q.URL, bytes.NewReader([]byte(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Host = q.Host
	q.setHeader(req.Header)
	return req
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func (q *Request) jsonRPC() string {
	params := map[string]any{}
	maps.Copy(params, q.Params)
	meta := map[string]any{}
	if q.Version >= Modern {
		meta = map[string]any{
			mcp.MetaKeyProtocolVersion:    q.Version,
			mcp.MetaKeyClientInfo:         map[string]any{"name": "runtimetest", "version": "1"},
			mcp.MetaKeyClientCapabilities: map[string]any{},
		}
	}
	maps.Copy(meta, q.Meta)
	if len(meta) > 0 {
		params["_meta"] = meta
	}
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": q.Method, "params": params})
	if err != nil {
		panic(err) // tests build params of plain values
	}
	return string(raw)
}

func (q *Request) setHeader(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json, text/event-stream")
	h.Set("MCP-Protocol-Version", q.Version)
	if q.Token != "" {
		h.Set("Authorization", "Bearer "+q.Token)
	}
	if q.Version >= Modern {
		h.Set("Mcp-Method", q.Method)
		if name, ok := q.Params["name"].(string); ok {
			h.Set("Mcp-Name", name)
		}
	}
	for name, values := range q.Header {
		h.Del(name)
		for _, v := range values {
			h.Add(name, v)
		}
	}
}

// JSON returns the body as a JSON object, nil if it is none.
func (p *Response) JSON() map[string]any {
	raw := p.Body
	if mediaType, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); mediaType == "text/event-stream" {
		_, data, _ := strings.Cut(string(raw), "data: ")
		raw = []byte(data)
	}
	var v map[string]any
	if json.NewDecoder(bytes.NewReader(raw)).Decode(&v) != nil {
		return nil
	}
	return v
}

// ErrorCode returns the code of a JSON-RPC error, 0 without one.
func (p *Response) ErrorCode() int {
	e, _ := p.JSON()["error"].(map[string]any)
	code, _ := e["code"].(float64)
	return int(code)
}

// Text returns the text of a tool's result and whether it is an error.
func (p *Response) Text() (text string, isError bool) {
	result, _ := p.JSON()["result"].(map[string]any)
	isError, _ = result["isError"].(bool)
	if content, _ := result["content"].([]any); len(content) > 0 {
		first, _ := content[0].(map[string]any)
		text, _ = first["text"].(string)
	}
	return text, isError
}

// ToolNames returns the names in the result of tools/list.
func (p *Response) ToolNames() []string {
	result, _ := p.JSON()["result"].(map[string]any)
	tools, _ := result["tools"].([]any)
	var names []string
	for _, t := range tools {
		tool, _ := t.(map[string]any)
		name, _ := tool["name"].(string)
		names = append(names, name)
	}
	return names
}

// Challenges returns the parameters of each challenge by its scheme in lower
// case, nil without any.
func (p *Response) Challenges() map[string]map[string]string {
	challenges, err := oauthex.ParseWWWAuthenticate(p.Header.Values("WWW-Authenticate"))
	if err != nil || len(challenges) == 0 {
		return nil
	}
	byScheme := map[string]map[string]string{}
	for _, c := range challenges {
		byScheme[strings.ToLower(c.Scheme)] = c.Params
	}
	return byScheme
}

// Challenge returns the parameters of the Bearer challenge, nil without one or
// beside another.
func (p *Response) Challenge() map[string]string {
	challenges, err := oauthex.ParseWWWAuthenticate(p.Header.Values("WWW-Authenticate"))
	if err != nil || len(challenges) != 1 || !strings.EqualFold(challenges[0].Scheme, "bearer") {
		return nil
	}
	return challenges[0].Params
}
