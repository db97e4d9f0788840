package alerts

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// scraped returns the metrics of a runtime that has answered calls.
func scraped(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	r := runtimetest.Start(t, runtimetest.Billing(issuer.Issuer(), runtimetest.NewAPI(t, nil).URL))
	token := issuer.Token(oauthtest.Claims{"scope": "invoices:read"})
	r.Do(runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": "INV-1"}))
	_, body := r.Admin("/metrics")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// familyOf returns the family that has a metric of this name.
func familyOf(families map[string]*dto.MetricFamily, metric string) *dto.MetricFamily {
	if f := families[metric]; f != nil {
		return f
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		base, ok := strings.CutSuffix(metric, suffix)
		if f := families[base]; ok && f.GetType() == dto.MetricType_HISTOGRAM {
			return f
		}
	}
	return nil
}

func hasLabel(f *dto.MetricFamily, name string) bool {
	return slices.ContainsFunc(f.GetMetric(), func(m *dto.Metric) bool {
		return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == name })
	})
}

// An alert on a metric that nobody shows never fires, and one with a label's value
// that never comes neither.
func TestEveryMetricOfAnAlertIsOneThatTheRuntimeShows(t *testing.T) {
	families := scraped(t)
	reference, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range allRules(t) {
		t.Run(r.Alert, func(t *testing.T) {
			metrics := metricPattern.FindAllStringSubmatch(r.Expr, -1)
			if len(metrics) == 0 || len(metrics) != strings.Count(r.Expr, "securedmcp_") {
				t.Fatalf("%d metrics with matchers in %s", len(metrics), r.Expr)
			}
			for _, m := range metrics {
				f := familyOf(families, m[1])
				if f == nil {
					t.Errorf("a runtime shows no %s", m[1])
					continue
				}
				for _, matcher := range matcherPattern.FindAllStringSubmatch(m[2], -1) {
					label, values := matcher[1], matcher[2]
					if label == "namespace" || label == "service" {
						continue // which Prometheus adds
					}
					if !hasLabel(f, label) {
						t.Errorf("%s has no label %s", m[1], label)
					}
					for value := range strings.SplitSeq(values, "|") {
						if !strings.Contains(string(reference), "`"+value+"`") {
							t.Errorf("docs/reference/metrics.md does not have %s=%q of %s", label, value, m[1])
						}
					}
				}
			}
		})
	}
}
