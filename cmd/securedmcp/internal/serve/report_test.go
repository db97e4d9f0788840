package serve

import (
	"strings"
	"testing"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

func TestWhatIsNotServedYetIsNotSaidToBe(t *testing.T) {
	r := &rendering{config: &config.RuntimeConfig{Name: "billing/tools", Resource: "http://127.0.0.1:8080/billing"}, revision: "abc"}
	for served, want := range map[bool]string{true: "serving billing/tools, revision abc\n", false: "will serve billing/tools, revision abc, once "} {
		var out strings.Builder
		report(&out, r, "http://127.0.0.1:8080", "http://127.0.0.1:9090", served)
		if !strings.HasPrefix(out.String(), want) || !strings.Contains(out.String(), "endpoint") {
			t.Errorf("served %v: %s", served, out.String())
		}
	}
}
