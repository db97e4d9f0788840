package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/test/oauthtest"
)

// The tests here compare the two that a request passes one after the other: who
// judges a call, and who runs it. Should they ever read a body differently, a
// caller gets a tool that nobody allowed. The caller of these tests may call
// lookup and nothing else.
const (
	diffResource = "https://mcp.example.com/billing"
	mayCall      = "lookup"
	diffTimeout  = time.Minute
)

// mayNotCall are needles in the way of a parser that ignores case, trims, or
// takes a prefix.
var mayNotCall = []string{"void", "Lookup", "LOOKUP", "lookup.void", "look"}

// sighting is what one request came to: the calls that were allowed and denied,
// and the tools that ran.
type sighting struct {
	mu                   sync.Mutex
	allowed, denied, ran []string
}

func (s *sighting) note(list *[]string, tool string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, tool)
}

func (s *sighting) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allowed, s.denied, s.ran = nil, nil, nil
}

// handler is the tool of that name.
func (s *sighting) handler(tool string) mcp.ToolHandler {
	return func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		s.note(&s.ran, tool)
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: tool}}}, nil
	}
}

// complaint tells in what judge and tools disagree, "" if in nothing.
func (s *sighting) complaint(status int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	unjudged := slices.Clone(s.allowed)
	for _, tool := range s.ran {
		i := slices.Index(unjudged, tool)
		switch {
		case tool != mayCall:
			return fmt.Sprintf("%s ran, which the caller may not call", tool)
		case i < 0:
			return fmt.Sprintf("%s ran; judged were %q and %q", tool, s.allowed, s.denied)
		}
		unjudged = slices.Delete(unjudged, i, i+1)
	}
	if status == http.StatusForbidden && len(s.ran) > 0 {
		return fmt.Sprintf("%q ran, and the caller was told 403", s.ran)
	}
	return ""
}

// auditTap is a slog.Handler that notes what the audit says of calls.
type auditTap struct {
	*sighting
	audit bool
}

func (auditTap) Enabled(context.Context, slog.Level) bool { return true }

func (t auditTap) WithGroup(string) slog.Handler { return t }

func (t auditTap) WithAttrs(attrs []slog.Attr) slog.Handler {
	t.audit = t.audit || slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == "log" && a.Value.String() == "audit" })
	return t
}

func (t auditTap) Handle(_ context.Context, r slog.Record) error {
	if !t.audit {
		return nil
	}
	values := map[string]string{}
	r.Attrs(func(a slog.Attr) bool {
		values[a.Key] = a.Value.String()
		return true
	})
	switch tool := values["tool"]; {
	case tool == "":
	case values["decision"] == string(audit.Allowed):
		t.note(&t.allowed, tool)
	default:
		t.note(&t.denied, tool)
	}
	return nil
}

// newDifferential returns what the public listener of a runtime would serve
// with these tools, and a token of the caller.
func newDifferential(t testing.TB, s *sighting) (http.Handler, string) {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.WithAudience(diffResource))
	c := &config.RuntimeConfig{
		Name: "billing/tools", Resource: diffResource, Issuer: issuer.Issuer(), Audience: diffResource,
		Scopes: []config.Scope{{Name: "read"}, {Name: "write"}}, RequiredScopes: []string{"read"},
	}
	builtins := map[string]mcp.ToolHandler{}
	for _, tool := range append([]string{mayCall}, mayNotCall...) {
		scopes := []string{"write"}
		if tool == mayCall {
			scopes = []string{"read"}
		}
		c.Tools = append(c.Tools, config.Tool{Name: tool, Scopes: scopes, Upstream: config.UpstreamBuiltin, InputSchema: json.RawMessage(`{"type":"object"}`)})
		builtins[tool] = s.handler(tool)
	}
	handler := loadInProcess(t, c, Options{Builtins: builtins, Logger: slog.New(auditTap{sighting: s})})
	return handler, issuer.Token(oauthtest.Claims{"scope": "read"})
}

// message is a body with the headers that go with it.
type message struct {
	body                  string
	version, method, name string
}

func (m message) request(token string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, diffResource, strings.NewReader(m.body))
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Authorization": {"Bearer " + token}}
	for name, value := range map[string]string{"MCP-Protocol-Version": m.version, "Mcp-Method": m.method, "Mcp-Name": m.name} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	return req
}

// compare sends the message and returns the complaint about it.
func compare(h http.Handler, s *sighting, m message, token string) string {
	s.reset()
	ctx, cancel := context.WithTimeout(context.Background(), diffTimeout)
	defer cancel()
	w := &firstEvent{httptest.NewRecorder(), cancel}
	h.ServeHTTP(w, m.request(token).WithContext(ctx))
	return s.complaint(w.Code)
}

// firstEvent leaves a stream when its first event has come, which is after the
// request was judged: subscriptions/listen would last for as long as its token.
type firstEvent struct {
	*httptest.ResponseRecorder

	leave context.CancelFunc
}

func (w *firstEvent) Write(b []byte) (int, error) {
	n, err := w.ResponseRecorder.Write(b)
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") && bytes.Contains(w.Body.Bytes(), []byte("\n\n")) {
		w.leave()
	}
	return n, err
}

const (
	modernVersion = "2026-07-28"
	metaOfModern  = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"f","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
)

// legacyCall is a call whose params are these members, as older clients send it.
func legacyCall(params string) message {
	return message{body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{` + params + `}}`, version: "2025-06-18"}
}

// differentials are bodies that two parsers may read differently.
func differentials() map[string]message {
	modern := func(name, params string) message {
		return message{
			body:    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{` + params + `,` + metaOfModern + `}}`,
			version: modernVersion, method: "tools/call", name: name,
		}
	}
	legacy := func(body string) message { return message{body: body, version: "2025-06-18"} }
	return map[string]message{
		"an allowed call":                  legacyCall(`"name":"lookup","arguments":{}`),
		"an allowed call of today":         modern("lookup", `"name":"lookup","arguments":{}`),
		"a denied call":                    legacyCall(`"name":"void","arguments":{}`),
		"a denied call of today":           modern("void", `"name":"void","arguments":{}`),
		"a header of another call":         modern("lookup", `"name":"void","arguments":{}`),
		"a header in base64":               modern("=?base64?bG9va3Vw?=", `"name":"void","arguments":{}`),
		"a repeated name":                  legacyCall(`"name":"lookup","name":"void"`),
		"a repeated name, turned around":   legacyCall(`"name":"void","name":"lookup"`),
		"a name in capitals behind":        legacyCall(`"name":"void","NAME":"lookup"`),
		"a name in capitals before":        legacyCall(`"Name":"lookup","name":"void"`),
		"a long s":                         legacyCall(`"name":"void","argument\u017f":{"name":"lookup"}`),
		"a name of null behind":            legacyCall(`"name":"void","name":null`),
		"an escaped name":                  legacyCall(`"name":"\u0076oid"`),
		"an escaped key":                   legacyCall(`"name":"lookup","n\u0061me":"void"`),
		"a name with a byte that is none":  legacyCall("\"name\":\"void\xff\""),
		"a name with a zero":               legacyCall(`"name":"void\u0000"`),
		"a name with a lonely surrogate":   legacyCall(`"name":"void\ud800"`),
		"a name with a space":              legacyCall(`"name":" lookup"`),
		"a name that is a list":            legacyCall(`"name":["void"]`),
		"arguments that are none":          legacyCall(`"name":"lookup","arguments":[]`),
		"arguments that name a tool":       legacyCall(`"name":"lookup","arguments":{"name":"void"}`),
		"repeated params":                  legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup"},"params":{"name":"void"}}`),
		"params in capitals":               legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"void"},"Params":{"name":"lookup"}}`),
		"a repeated method":                legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"void"}}`),
		"a method in capitals":             legacy(`{"jsonrpc":"2.0","id":1,"method":"TOOLS/CALL","params":{"name":"void"}}`),
		"an escaped method":                legacy(`{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"void"}}`),
		"two documents":                    legacy(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"void"}}`),
		"a byte order mark":                legacy("\xef\xbb\xbf" + `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"void"}}`),
		"a notification":                   legacy(`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"void"}}`),
		"an id of null":                    legacy(`{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"void"}}`),
		"a request that is a response too": legacy(`{"jsonrpc":"2.0","id":1,"result":{},"method":"tools/call","params":{"name":"void"}}`),
		"a batch": {version: "2025-03-26", body: `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup"}},` +
			`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"void"}}]`},
		"a batch of one and the same": {version: "2025-03-26", body: `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"lookup"}},` +
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"void"}}]`},
		"a subscription": {version: modernVersion, method: "subscriptions/listen", body: `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen",` +
			`"params":{"notifications":{"toolsListChanged":true},"name":"void",` + metaOfModern + `}}`},
		"a call that asks for progress":        legacyCall(`"name":"lookup","_meta":{"progressToken":1}`),
		"a denied call that asks for progress": legacyCall(`"name":"void","_meta":{"progressToken":1}`),
		"a batch in a batch":                   {version: "2025-03-26", body: `[[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"void"}}]]`},
	}
}

// Whatever is sent, the tool that policy judged is the tool that ran.
func FuzzTheToolThatPolicyJudgedIsTheToolThatRan(f *testing.F) {
	for _, m := range differentials() {
		f.Add([]byte(m.body), m.version, m.method, m.name)
	}
	s := new(sighting)
	handler, token := newDifferential(f, s)
	f.Fuzz(func(t *testing.T, body []byte, version, method, name string) {
		m := message{body: string(body), version: version, method: method, name: name}
		if complaint := compare(handler, s, m, token); complaint != "" {
			t.Fatalf("%s: %s %s %s %q", complaint, version, method, name, body)
		}
	})
}

// What the fuzz test compares is there to be compared: calls are judged, and run.
func TestJudgedCallsRun(t *testing.T) {
	s := new(sighting)
	handler, token := newDifferential(t, s)
	for name, want := range map[string]struct{ allowed, denied, ran string }{
		"an allowed call":                      {allowed: "lookup", ran: "lookup"},
		"an allowed call of today":             {allowed: "lookup", ran: "lookup"},
		"a denied call":                        {denied: "void"},
		"a denied call of today":               {denied: "void"},
		"a name in capitals behind":            {denied: "void"},
		"a batch":                              {allowed: "lookup", denied: "void", ran: "lookup"},
		"a subscription":                       {},
		"a call that asks for progress":        {allowed: "lookup", ran: "lookup"},
		"a denied call that asks for progress": {denied: "void"},
	} {
		if complaint := compare(handler, s, differentials()[name], token); complaint != "" {
			t.Errorf("%s: %s", name, complaint)
		}
		allowed, denied, ran := strings.Join(s.allowed, " "), strings.Join(s.denied, " "), strings.Join(s.ran, " ")
		if allowed != want.allowed || denied != want.denied || ran != want.ran {
			t.Errorf("%s: allowed %q, denied %q, ran %q; want %+v", name, allowed, denied, ran, want)
		}
	}
}

// Streams are among what is compared: one that would last is left, and has begun.
func TestTheComparisonLeavesASubscription(t *testing.T) {
	handler, token := newDifferential(t, new(sighting))
	ctx, cancel := context.WithTimeout(t.Context(), diffTimeout)
	defer cancel()
	w := &firstEvent{httptest.NewRecorder(), cancel}
	handler.ServeHTTP(w, differentials()["a subscription"].request(token).WithContext(ctx))
	if !strings.Contains(w.Body.String(), "\n\n") || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("status %d, %v, answer %s; want an event, and the stream left", w.Code, ctx.Err(), w.Body)
	}
}

// A judge that looks at anything else than what the SDK parsed is caught by the
// same comparison, on some of the same bodies.
func TestTheComparisonCatchesAJudgeThatReadsForItself(t *testing.T) {
	for name, broken := range map[string]struct {
		// judge returns the tool that the request seems to call.
		judge  func(*http.Request, []byte) string
		caught []string
	}{
		"by a second parse of the body": {
			judge: func(_ *http.Request, body []byte) string {
				var m struct{ Params struct{ Name string } }
				_ = json.Unmarshal(body, &m)
				return m.Params.Name
			},
			caught: []string{"a name in capitals behind", "params in capitals"},
		},
		"by the first name in the body": {
			judge: func(_ *http.Request, body []byte) string {
				_, rest, _ := strings.Cut(string(body), `"name":"`)
				name, _, _ := strings.Cut(rest, `"`)
				return name
			},
			caught: []string{"a repeated name", "repeated params", "a batch"},
		},
		"by the header": {
			judge:  func(req *http.Request, _ []byte) string { return req.Header.Get("Mcp-Name") },
			caught: []string{"a denied call"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := new(sighting)
			handler := judgedApart(s, broken.judge)
			for _, name := range broken.caught {
				if compare(handler, s, differentials()[name], "") == "" {
					t.Errorf("%s: no complaint; judged %q and %q, ran %q", name, s.allowed, s.denied, s.ran)
				}
			}
			if complaint := compare(handler, s, message{body: `{"jsonrpc":"2.0","id":1,"method":"ping"}`}, ""); complaint != "" {
				t.Errorf("a ping: %s", complaint)
			}
		})
	}
}

// judgedApart serves the tools with the bare SDK, behind a judge of its own.
func judgedApart(s *sighting, judge func(*http.Request, []byte) string) http.Handler {
	server := mcp.NewServer(&mcp.Implementation{Name: "broken", Version: "1"}, nil)
	for _, tool := range append([]string{mayCall}, mayNotCall...) {
		server.AddTool(&mcp.Tool{Name: tool, InputSchema: json.RawMessage(`{"type":"object"}`)}, s.handler(tool))
	}
	sdk := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			http.Error(w, "body", http.StatusBadRequest)
			return
		}
		tool := judge(req, body)
		if slices.Contains(mayNotCall, tool) {
			s.note(&s.denied, tool)
			http.Error(w, "denied", http.StatusForbidden)
			return
		}
		s.note(&s.allowed, tool)
		req.Body = io.NopCloser(bytes.NewReader(body))
		sdk.ServeHTTP(w, req)
	})
}
