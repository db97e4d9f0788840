package scale

import (
	"net/http"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/rest"

	"github.com/securedmcp/operator/test/kubetest"
)

// writes counts requests that change something, as the API server counts them.
type writes struct {
	http *http.Client
	url  string
	last int
}

func newWrites(b *testing.B) *writes {
	b.Helper()
	cfg := kubetest.Config(b)
	client, err := rest.HTTPClientFor(cfg)
	must(b, err)
	return &writes{http: client, url: "https://" + strings.Trim(strings.TrimPrefix(cfg.Host, "https://"), "/") + "/metrics"}
}

// since returns how many there were since it was asked last. Leases and what the
// API server writes about itself are left out.
func (w *writes) since(b *testing.B) int {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, w.url, nil)
	must(b, err)
	request.Header.Set("Accept", "text/plain")
	answer, err := w.http.Do(request)
	must(b, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		b.Fatalf("metrics of the API server: %s", answer.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	must(b, err)
	total := 0
	for _, m := range families["apiserver_request_total"].GetMetric() {
		if ours(m) {
			total += int(m.GetCounter().GetValue())
		}
	}
	since := total - w.last
	w.last = total
	return since
}

func ours(m *dto.Metric) bool {
	label := map[string]string{}
	for _, l := range m.GetLabel() {
		label[l.GetName()] = l.GetValue()
	}
	switch label["verb"] {
	case "GET", "LIST", "WATCH", "CONNECT":
		return false
	}
	switch label["resource"] {
	case "securedmcpservers", "configmaps", "serviceaccounts", "services", "deployments", "ingresses", "networkpolicies", "poddisruptionbudgets",
		"horizontalpodautoscalers", "pods", "events":
		return true
	}
	return false
}
