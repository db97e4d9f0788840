package checks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"

	"github.com/securedmcp/operator/test/oauthtest"
)

const (
	pollInterval = 100 * time.Millisecond
	prefix       = "/.well-known/oauth-protected-resource"
)

// target is the server under test, and what was found out about it first.
type target struct {
	Config

	client *http.Client
	// holder is the key of DPoP-bound tokens, and nonce the last that the server
	// gave out for its proofs.
	holder *oauthtest.Key
	nonce  string
	// plain is the method of a request that any caller may make.
	plain string
	// session is that of a legacy server that has sessions.
	session string
	// stranger is the answer to a request without a token.
	stranger *answer
	// tools are what tools/list offers to a good token.
	tools []toolInfo
	// list is the answer that tools are from.
	list *answer
}

type toolInfo struct {
	Name        string `json:"name"`
	InputSchema struct {
		Properties map[string]struct {
			Type   any    `json:"type"`
			Header string `json:"x-mcp-header"`
		} `json:"properties"`
		Required []string `json:"required"`
	} `json:"inputSchema"`
}

func newTarget(c Config) *target {
	transport := &http.Transport{TLSClientConfig: c.TLS, DisableCompression: true}
	if c.ConnectTo != "" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, c.ConnectTo)
		}
	}
	t := &target{Config: c, plain: "tools/list", client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if !t.modern() {
		t.plain = "initialize"
	}
	return t
}

func (t *target) modern() bool { return t.Revision >= Modern }

// endpoint is the parsed URL. Its validity was checked before.
func (t *target) endpoint() *url.URL {
	u, err := url.Parse(t.URL)
	if err != nil {
		panic(err)
	}
	return u
}

// prepare finds out what the checks build on. It fails if the server does not
// accept a good token: every bad one would seem to be refused for its fault.
func (t *target) prepare(ctx context.Context) (err error) {
	if t.holder, err = oauthtest.NewKey(jwa.ES256); err != nil {
		return err
	}
	if err := t.awaitServer(ctx); err != nil {
		return err
	}
	if t.Scopes == nil {
		t.Scopes = t.stranger.scopes()
	}
	if err := t.awaitGoodToken(ctx); err != nil {
		return err
	}
	if t.DPoP != "" {
		if err := t.awaitGoodProof(ctx); err != nil {
			return err
		}
	}
	if !t.modern() {
		if err := t.initialize(ctx); err != nil {
			return err
		}
	}
	return t.listTools(ctx)
}

func (t *target) awaitServer(ctx context.Context) error {
	return t.await(ctx, "an answer", func() (err error) {
		t.stranger, err = t.send(ctx, request{})
		if err == nil && t.stranger.Status >= http.StatusInternalServerError {
			err = errors.New(t.stranger.String())
		}
		return err
	})
}

func (t *target) awaitGoodToken(ctx context.Context) error {
	return t.await(ctx, fmt.Sprintf("a good token (iss %s, aud %s, scope %q) to be accepted", t.Issuer.Issuer(), t.Audience, strings.Join(t.Scopes, " ")), func() error {
		a, err := t.sendWith(ctx, nil)
		if err == nil && !a.accepted() {
			err = errors.New(a.String())
		}
		return err
	})
}

// await tries until there is no error.
func (t *target) await(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, t.Wait)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting %s for %s from %s: %w", t.Wait, what, t.URL, err)
		}
	}
}

// initialize opens a session where the server has sessions.
func (t *target) initialize(ctx context.Context) error {
	a, err := t.sendWith(ctx, nil)
	if err != nil {
		return err
	}
	if t.session = a.Header.Get("Mcp-Session-Id"); t.session == "" {
		return nil
	}
	token, err := t.token(nil)
	if err != nil {
		return err
	}
	_, err = t.send(ctx, request{method: "notifications/initialized", notification: true, token: token})
	return err
}

func (t *target) listTools(ctx context.Context) error {
	token, err := t.token(oauthtest.Claims{"scope": t.allScopes()})
	if err != nil {
		return err
	}
	if t.list, err = t.send(ctx, request{method: "tools/list", token: token}); err != nil {
		return err
	}
	var result struct{ Tools []toolInfo }
	if err := json.Unmarshal(encode(t.list.result()), &result); err != nil {
		return fmt.Errorf("reading the tool list: %w", err)
	}
	if t.tools = result.Tools; t.Tool != "" && t.tool(t.Tool) == nil {
		return fmt.Errorf("tools/list does not name the tool %q: %s", t.Tool, t.list)
	}
	return nil
}

func (t *target) tool(name string) *toolInfo {
	i := slices.IndexFunc(t.tools, func(tool toolInfo) bool { return tool.Name == name })
	if i < 0 {
		return nil
	}
	return &t.tools[i]
}

// allScopes are enough for every check's request.
func (t *target) allScopes() string {
	return strings.TrimSpace(strings.Join(append(slices.Clone(t.Scopes), t.ToolScope), " "))
}

// token mints a good token, changed by claims and options.
func (t *target) token(claims oauthtest.Claims, options ...oauthtest.TokenOption) (string, error) {
	all := oauthtest.Claims{"aud": t.Audience, "scope": strings.Join(t.Scopes, " ")}
	if t.DPoP == DPoPRequired {
		maps.Copy(all, t.holder.Bound())
	}
	maps.Copy(all, claims)
	if t.Tokens == TokensOpaque {
		options = append(slices.Clone(options), oauthtest.Opaque())
	}
	return t.Issuer.Mint(all, options...)
}

// sendWith sends a plain request with a good token, changed by claims and
// options.
func (t *target) sendWith(ctx context.Context, claims oauthtest.Claims, options ...oauthtest.TokenOption) (*answer, error) {
	token, err := t.token(claims, options...)
	if err != nil {
		return nil, err
	}
	return t.send(ctx, request{token: token})
}

// sendGood sends r with a good token.
func (t *target) sendGood(ctx context.Context, r request) (*answer, error) {
	token, err := t.token(nil)
	if err != nil {
		return nil, err
	}
	r.token = token
	return t.send(ctx, r)
}

// call calls the tool of the configuration with a token of the given scope.
func (t *target) call(ctx context.Context, scope string, args json.RawMessage) (*answer, error) {
	token, err := t.token(oauthtest.Claims{"scope": scope})
	if err != nil {
		return nil, err
	}
	return t.send(ctx, request{method: "tools/call", token: token, params: map[string]any{"name": t.Tool, "arguments": args}})
}
