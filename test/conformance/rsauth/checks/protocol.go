package checks

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/securedmcp/operator/test/oauthtest"
)

func sends(r request) func(*target) request { return func(*target) request { return r } }

const errorReference = "MCP streamable HTTP, errors"

func unsupported(id, version string) Check {
	return Check{
		ID: id, Level: Must, Reference: errorReference, Sends: "version " + version + ", in header and _meta", Wants: "400 with code -32022", since: Modern,
		probe: withGood(sends(request{header: http.Header{"Mcp-Protocol-Version": {version}}, meta: map[string]any{metaVersion: version}}),
			rejected(http.StatusBadRequest, codeVersionNotKnown)),
	}
}

// protocolChecks look at requests that are wrong as such.
func protocolChecks() []Check {
	invalid := rejected(http.StatusBadRequest, codeInvalidParams)
	return []Check{
		unsupported("T7.unsupported-newer-version", "2099-01-01"),
		unsupported("T7.unsupported-older-version", "1999-01-01"),
		{
			ID: "T7.unknown-method", Level: Must, Reference: errorReference, Sends: "a method that nobody knows", Wants: "404 with code -32601", since: Modern,
			probe: withGood(sends(request{method: "unheard/of"}), rejected(http.StatusNotFound, codeMethodNotFound)),
		},
		{
			ID: "T7.no-meta", Level: Must, Reference: errorReference, Sends: "a request without _meta", Wants: "400 with code -32602", since: Modern,
			probe: withGood(sends(request{noMeta: true}), invalid),
		},
		{
			ID: "T7.no-version-in-meta", Level: Must, Reference: errorReference, Sends: "_meta without the version", Wants: "400 with code -32602", since: Modern,
			probe: withGood(sends(request{meta: map[string]any{metaVersion: nil}}), invalid),
		},
		{
			ID: "T7.no-capabilities-in-meta", Level: Must, Reference: errorReference, Sends: "_meta without the client's capabilities", Wants: "400 with code -32602", since: Modern,
			probe: withGood(sends(request{meta: map[string]any{metaCapabilities: nil}}), invalid),
		},
		{
			ID: "T7.no-client-in-meta", Level: Must, Reference: errorReference, Sends: "_meta without the client's name, which is optional", Wants: "200", since: Modern,
			probe: withGood(sends(request{meta: map[string]any{metaClient: nil}}), (*answer).accepted),
		},
	}
}

// resultOf judges the result of a request with a good token.
func resultOf(method string, see func(result map[string]any) (got string, ok bool)) func(context.Context, *target) (finding, error) {
	return func(ctx context.Context, t *target) (finding, error) {
		a, err := t.sendGood(ctx, request{method: method})
		if err != nil {
			return finding{}, err
		}
		if a.result() == nil {
			return judge(a, false), nil
		}
		return judgeText(see(a.result())), nil
	}
}

func resultChecks() []Check {
	const reference = "MCP server/discover, results"
	checks := []Check{{
		ID: "T8.discover", Level: Must, Reference: reference, Sends: "server/discover", Wants: "supportedVersions with this one, and capabilities", since: Modern,
		probe: resultOf("server/discover", func(result map[string]any) (string, bool) {
			versions, _ := result["supportedVersions"].([]any)
			_, capable := result["capabilities"].(map[string]any)
			return fmt.Sprintf("versions %v, capabilities %v", versions, capable), slices.Contains(versions, any(Modern)) && capable
		}),
	}}
	for _, method := range []string{"server/discover", "tools/list"} {
		_, name, _ := strings.Cut(method, "/")
		checks = append(checks,
			Check{
				ID: "T8.result-type-" + name, Level: Must, Reference: reference, Sends: method, Wants: "resultType complete", since: Modern,
				probe: resultOf(method, func(result map[string]any) (string, bool) {
					return fmt.Sprintf("resultType %v", result["resultType"]), result["resultType"] == "complete"
				}),
			},
			Check{
				ID: "T8.cache-hints-" + name, Level: Must, Reference: "MCP caching", Sends: method, Wants: "ttlMs, not negative, and cacheScope", since: Modern,
				probe: resultOf(method, func(result map[string]any) (string, bool) {
					ttl, ok := result["ttlMs"].(float64)
					scope := result["cacheScope"]
					return fmt.Sprintf("ttlMs %v, cacheScope %v", result["ttlMs"], scope), ok && ttl >= 0 && (scope == "private" || scope == "public")
				}),
			},
		)
	}
	return checks
}

func cacheChecks() []Check {
	private := func(result map[string]any) (string, bool) {
		return fmt.Sprintf("cacheScope %v", result["cacheScope"]), result["cacheScope"] == "private"
	}
	return []Check{{
		ID: "T9.private-list", Level: Must, Reference: "MCP caching", Sends: "tools/list, which strangers are refused", Wants: "cacheScope private", since: Modern,
		probe: resultOf("tools/list", private),
	}}
}

func listChecks() []Check {
	return []Check{
		{
			ID: "T10.same-on-every-connection", Level: Must, Reference: "MCP tools/list", Sends: "tools/list on two connections", Wants: "the same tools",
			probe: func(ctx context.Context, t *target) (finding, error) { return t.listAgain(ctx, sortedNames) },
		},
		{
			ID: "T10.order", Level: Should, Reference: "MCP tools/list", Sends: "tools/list on two connections", Wants: "the same order",
			probe: func(ctx context.Context, t *target) (finding, error) { return t.listAgain(ctx, names) },
		},
	}
}

// listAgain compares the list with the one that was got first.
func (t *target) listAgain(ctx context.Context, see func(*answer) []byte) (finding, error) {
	t.client.CloseIdleConnections()
	token, err := t.token(oauthtest.Claims{"scope": t.allScopes()})
	if err != nil {
		return finding{}, err
	}
	a, err := t.send(ctx, request{method: "tools/list", token: token})
	if err != nil {
		return finding{}, err
	}
	first, again := see(t.list), see(a)
	return judgeText(fmt.Sprintf("%d tools", bytes.Count(again, []byte("\n"))), len(again) > 0 && bytes.Equal(first, again)), nil
}

// names are those of the tools, a line each.
func names(a *answer) []byte {
	tools, _ := a.result()["tools"].([]any)
	var lines []byte
	for _, tool := range tools {
		m, _ := tool.(map[string]any)
		lines = fmt.Appendf(lines, "%v\n", m["name"])
	}
	return lines
}

func sortedNames(a *answer) []byte {
	lines := bytes.SplitAfter(names(a), []byte("\n"))
	slices.SortFunc(lines, bytes.Compare)
	return bytes.Join(lines, nil)
}
