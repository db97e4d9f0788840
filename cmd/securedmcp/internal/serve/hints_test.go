package serve

import (
	"strings"
	"testing"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
)

func TestTheHintKnowsThatTLSIsSpoken(t *testing.T) {
	r := &rendering{config: &config.RuntimeConfig{Resource: "https://mcp.example.com/billing"}, tls: app.TLS{CertFile: "tls.crt", KeyFile: "tls.key"}}
	got := hints(r, "http://127.0.0.1:8080")
	if len(got) != 1 || !strings.Contains(got[0], "curl --connect-to ::127.0.0.1:8080 https://mcp.example.com/billing") {
		t.Errorf("hints %q", got)
	}
}

func TestHintsAreAboutWhatDoesNotWorkHere(t *testing.T) {
	cases := map[string]struct {
		resource, upstream string
		want               []string
	}{
		"none where all is local":          {"http://127.0.0.1:8080/billing", "http://127.0.0.1:8081", nil},
		"the host that is answered for":    {"https://mcp.example.com/billing", "http://127.0.0.1:8081", []string{"Host: mcp.example.com"}},
		"an upstream inside a cluster":     {"http://127.0.0.1:8080", "http://api.billing.svc:80", []string{"--upstream api=URL"}},
		"an upstream with its full name":   {"http://127.0.0.1:8080", "http://api.billing.svc.cluster.local", []string{"--upstream api=URL"}},
		"both when both are the cluster's": {"https://mcp.example.com", "http://api.billing.svc", []string{"Host: mcp.example.com", "--upstream api=URL"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := &rendering{config: &config.RuntimeConfig{
				Resource:  tc.resource,
				Upstreams: []config.Upstream{{Name: "api", HTTP: &config.HTTPUpstream{URL: tc.upstream}}},
			}}
			got := hints(r, "http://127.0.0.1:8080")
			if len(got) != len(tc.want) {
				t.Fatalf("hints %q; want %d", got, len(tc.want))
			}
			for i := range got {
				if !strings.Contains(got[i], tc.want[i]) {
					t.Errorf("hint %q; want %q in it", got[i], tc.want[i])
				}
			}
		})
	}
}
