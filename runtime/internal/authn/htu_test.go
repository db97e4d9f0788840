package authn

import (
	"net/url"
	"testing"
)

func TestSpellingsOfOneURI(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"as it should be":                 {"https://mcp.example.com/billing", "https://mcp.example.com/billing"},
		"in capitals":                     {"HTTPS://MCP.EXAMPLE.COM/billing", "https://mcp.example.com/billing"},
		"its path in capitals":            {"https://mcp.example.com/BILLING", "https://mcp.example.com/BILLING"},
		"the default port":                {"https://mcp.example.com:443/billing", "https://mcp.example.com/billing"},
		"the default port of http":        {"http://127.0.0.1:80/billing", "http://127.0.0.1/billing"},
		"the default port of another":     {"https://mcp.example.com:80/billing", "https://mcp.example.com:80/billing"},
		"an empty port":                   {"https://mcp.example.com:/billing", "https://mcp.example.com/billing"},
		"an IPv6 address":                 {"http://[::1]:8080/billing", "http://[::1]:8080/billing"},
		"no path":                         {"https://mcp.example.com", "https://mcp.example.com/"},
		"a query and a fragment":          {"https://mcp.example.com/billing?a=b#c", "https://mcp.example.com/billing"},
		"an escape that is not needed":    {"https://mcp.example.com/%62illing%7e", "https://mcp.example.com/billing~"},
		"an escape that is":               {"https://mcp.example.com/a%2fb%c3%bc", "https://mcp.example.com/a%2Fb%C3%BC"},
		"an escaped escape":               {"https://mcp.example.com/%2562", "https://mcp.example.com/%2562"},
		"dot segments":                    {"https://mcp.example.com/x/.././billing", "https://mcp.example.com/billing"},
		"escaped dot segments":            {"https://mcp.example.com/x/%2E%2e/billing", "https://mcp.example.com/billing"},
		"an escape at the end":            {"https://mcp.example.com/billing%41", "https://mcp.example.com/billingA"},
		"a slash at the end, which stays": {"https://mcp.example.com/billing/", "https://mcp.example.com/billing/"},
	} {
		if got, ok := normalizeURI(tc.in); !ok || got != tc.want {
			t.Errorf("%s: %q, %v; want %q", name, got, ok, tc.want)
		}
	}
	for name, in := range map[string]string{
		"nothing": "", "a path": "/billing", "no scheme": "//mcp.example.com/billing", "another scheme": "ftp://mcp.example.com/billing",
		"opaque": "https:billing", "user information": "https://u:p@mcp.example.com/billing", "a bad escape": "https://mcp.example.com/%zz",
		"a percent sign in the host": "http://%25", "a zone": "http://[fe80::1%25eth0]/billing",
		"no host, but a port": "https://:443/billing", "a control character": "https://mcp.example.com/\n",
	} {
		if got, ok := normalizeURI(in); ok {
			t.Errorf("%s is read as %q", name, got)
		}
	}
}

func FuzzNormalizeURI(f *testing.F) {
	for _, seed := range []string{
		"https://mcp.example.com/billing", "HTTPS://A:443/%62/../%2f?x#y", "http://[::1]:80", "https://a:/%", "https://a/%4", "https://a/%2e%2e/b", "https://a/ü",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		once, ok := normalizeURI(in)
		if !ok {
			return
		}
		if twice, ok := normalizeURI(once); !ok || twice != once {
			t.Fatalf("%q: %q, and then %q", in, once, twice)
		}
		if u, err := url.Parse(once); err != nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			t.Fatalf("%q: %q is not a bare URI", in, once)
		}
	})
}
