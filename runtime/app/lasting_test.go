package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// lifetime is what lets a stream in and then ends it: long enough to open the
// stream on a machine that does much else, and no clock skew is allowed.
const lifetime = 8 * time.Second

// startWaiting starts a server whose tools report progress once and then wait for
// their context to end. Tool careful wants a login of the last lifetime.
func startWaiting(t *testing.T, change func(*config.RuntimeConfig)) fixture {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource), oauthtest.WithClient(oauthtest.Client{ID: "runtime", Secret: "s3cr3t"}))
	c := runtimetest.Billing(issuer.Issuer(), "http://127.0.0.1:1")
	zero := 0
	c.Tokens.ClockSkewSeconds = &zero
	tool := func(name string) config.Tool {
		return config.Tool{Name: name, Upstream: config.UpstreamBuiltin, InputSchema: json.RawMessage(`{"type":"object"}`)}
	}
	c.Tools = []config.Tool{tool("work"), tool("careful")}
	c.Tools[1].Authentication = &config.Authentication{MaxAgeSeconds: int(lifetime.Seconds())}
	change(c)
	work := func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		params := &mcp.ProgressNotificationParams{ProgressToken: req.Params.GetProgressToken(), Progress: 1}
		if err := req.Session.NotifyProgress(ctx, params); err != nil {
			return nil, err
		}
		<-ctx.Done()
		return nil, errors.New("the call was cut off")
	}
	r := runtimetest.Start(t, c, func(o *app.Options) {
		o.Builtins = map[string]mcp.ToolHandler{"work": work, "careful": work, "another": work}
	})
	return fixture{Runtime: r, issuer: issuer}
}

func call(tool string) runtimetest.Request {
	q := runtimetest.Call("", tool, nil)
	q.Meta = map[string]any{"progressToken": "p1"}
	return q
}

func older(q runtimetest.Request) runtimetest.Request {
	q.Version = "2025-06-18"
	return q
}

func subscription() runtimetest.Request {
	return runtimetest.Request{Method: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{"toolsListChanged": true}}}
}

func TestStreamsEndWithWhatLetThemIn(t *testing.T) {
	wholeServer := func(c *config.RuntimeConfig) {
		c.Authentication = &config.Authentication{MaxAgeSeconds: int(lifetime.Seconds())}
	}
	nothing := func(*config.RuntimeConfig) {}
	soon := func() oauthtest.Claims { return oauthtest.Claims{"exp": time.Now().Add(lifetime)} }
	login := func() oauthtest.Claims { return oauthtest.Claims{"auth_time": time.Now().Unix()} }
	open := map[string]chan string{} // all at once: each takes its lifetime
	for name, tc := range map[string]struct {
		change func(*config.RuntimeConfig)
		claims func() oauthtest.Claims
		stream runtimetest.Request
	}{
		"a subscription with the token":                                {nothing, soon, subscription()},
		"a subscription with the login":                                {wholeServer, login, subscription()},
		"a call with the token":                                        {nothing, soon, call("work")},
		"a call of an older client with the token":                     {nothing, soon, older(call("work"))},
		"a call of an older client with the login that the tool wants": {nothing, login, older(call("careful"))},
		"a call with the login that the server wants":                  {wholeServer, login, call("work")},
		"a call with the login that the tool wants":                    {nothing, login, call("careful")},
		"a call with the token, before the login is too old": {nothing, func() oauthtest.Claims {
			return oauthtest.Claims{"exp": time.Now().Add(lifetime - time.Second), "auth_time": time.Now().Unix()}
		}, call("careful")},
	} {
		f := startWaiting(t, tc.change)
		claims := tc.claims()
		claims["scope"] = "invoices:read"
		tc.stream.Token = f.issuer.Token(claims)
		opened, ended := f.stream(t, tc.stream)
		waitOpen(t, opened, ended)
		open[name] = ended
	}
	for name, ended := range open {
		wantEnded(t, name, ended)
	}
}

func TestStreamsEndWhenAKeyIsRemoved(t *testing.T) {
	for name, stream := range map[string]runtimetest.Request{"a subscription": subscription(), "a call": call("work")} {
		t.Run(name, func(t *testing.T) {
			f := startWaiting(t, func(*config.RuntimeConfig) {})
			key := f.issuer.SigningKey()
			stream.Token = f.token("invoices:read")
			f.waitEnd(t, stream, func() {
				f.issuer.Rotate(jwa.ES256)
				f.issuer.Unpublish(key)
				f.status(f.token("invoices:read")) // a token of the new key has the keys fetched
			})
		})
	}
}

func TestStreamsEndWithARevocation(t *testing.T) {
	for name, stream := range map[string]runtimetest.Request{
		"a subscription": subscription(), "a call": call("work"), "a call of an older client": older(call("work")),
	} {
		t.Run(name, func(t *testing.T) {
			var c *config.RuntimeConfig
			f := startWaiting(t, func(running *config.RuntimeConfig) { c = running })
			stream.Token = f.token("invoices:read")
			f.waitEnd(t, stream, func() {
				c.Revocation.Subjects = []string{oauthtest.DefaultSubject}
				f.Replace(c)
			})
		})
	}
}

// A call that reports progress goes on where nothing speaks against its caller.
func TestACallGoesOnWhileOthersAreAllowedMore(t *testing.T) {
	var c *config.RuntimeConfig
	f := startWaiting(t, func(running *config.RuntimeConfig) { c = running })
	q := call("work")
	q.Token = f.token("invoices:read")
	opened, ended := f.stream(t, q)
	waitOpen(t, opened, ended)
	added := c.Tools[0]
	added.Name = "another"
	c.Title, c.Tools = "Another title", append(c.Tools, added)
	c.Scopes = append(c.Scopes, config.Scope{Name: "another"})
	f.Replace(c)
	c.RequiredScopes = []string{"invoices:write"}
	select {
	case text := <-ended:
		t.Errorf("the call ended: %s", text)
	default:
	}
	f.Replace(c)
	wantEnded(t, "the call that more is asked of", ended)
}

func TestABrowserGetsEventsAsTheyCome(t *testing.T) {
	const origin = "https://app.example.com"
	f := startWaiting(t, func(c *config.RuntimeConfig) { c.AllowedOrigins = []string{origin} })
	for name, q := range map[string]runtimetest.Request{"a subscription": subscription(), "a call": call("work")} {
		q.Token, q.Header = f.token("invoices:read"), map[string][]string{"Origin": {origin}}
		ctx, leave := context.WithTimeout(t.Context(), runtimetest.WaitLimit)
		resp, err := f.HTTP.Do(f.NewRequest(q).WithContext(ctx))
		must(t, err)
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != origin || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("%s: Access-Control-Allow-Origin %q, Content-Type %q", name, got, resp.Header.Get("Content-Type"))
		}
		// The stream goes on, so this came because it was flushed.
		if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
			t.Errorf("%s: no event has come: %v", name, err)
		}
		leave()
		resp.Body.Close()
	}
}

// A key that is new takes nothing away from anybody.
func TestStreamsGoOnWhenAKeyIsAdded(t *testing.T) {
	f := startWaiting(t, func(*config.RuntimeConfig) {})
	q := subscription()
	q.Token = f.token("invoices:read")
	opened, ended := f.stream(t, q)
	waitOpen(t, opened, ended)
	f.issuer.Rotate(jwa.ES256)
	if got := f.status(f.token("invoices:read")); got != 200 {
		t.Fatalf("a token of the new key: status %d, want 200", got)
	}
	select {
	case text := <-ended:
		t.Errorf("the stream has ended: %s", text)
	default:
	}
}

// A subscription would outlive a revocation; a call that is cut off may have done
// its work already.
func TestOfStreamsByAnOpaqueTokenSubscriptionsEndWithTheAnswerAboutIt(t *testing.T) {
	f := startWaiting(t, func(c *config.RuntimeConfig) {
		c.Tokens = config.Tokens{Type: config.TokenOpaque, Introspection: &config.Introspection{
			ClientID: "runtime", ClientSecretFile: writeTemp(t, []byte("s3cr3t")), CacheSeconds: 1,
		}}
	})
	work, listen := call("work"), subscription()
	work.Token = f.token("invoices:read")
	listen.Token = work.Token
	opened, ended := f.stream(t, work)
	waitOpen(t, opened, ended)
	f.waitEnd(t, listen, func() {})
	select {
	case text := <-ended:
		t.Errorf("the call has ended too: %s", text)
	default:
	}
}

// waitEnd opens a stream and wants it to end once something has been done.
func (f fixture) waitEnd(t *testing.T, q runtimetest.Request, do func()) {
	t.Helper()
	opened, ended := f.stream(t, q)
	waitOpen(t, opened, ended)
	do()
	wantEnded(t, q.Method, ended)
}

// wantEnded wants a stream to end before its client gives up.
func wantEnded(t *testing.T, what string, ended chan string) {
	t.Helper()
	if text := <-ended; strings.Contains(text, context.DeadlineExceeded.Error()) {
		t.Errorf("%s went on until the client gave up: %s", what, text)
	}
}
