package scale

import (
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/rest"

	"github.com/securedmcp/operator/test/kubetest"
)

// requests counts those of the operator: all that the API server counts, without
// those of the benchmark.
type requests struct {
	http *http.Client
	url  string
	// reads and writes are how many there were when they were asked for last, and of
	// writes how many of each sort, those of the benchmark included.
	reads, writes int
	sorts         map[string]int
	// ourReads and ourWrites are the benchmark's own.
	ourReads, ourWrites atomic.Int64
}

func newRequests(b *testing.B) *requests {
	b.Helper()
	cfg := kubetest.Config(b)
	client, err := rest.HTTPClientFor(cfg)
	must(b, err)
	return &requests{http: client, url: "https://" + strings.Trim(strings.TrimPrefix(cfg.Host, "https://"), "/") + "/metrics"}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// ours counts the benchmark's own requests.
func (q *requests) ours(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		switch {
		case r.URL.Query().Has("watch"), !strings.Contains(r.URL.Path, "/namespaces/"+namespace+"/"):
		case r.Method == http.MethodGet:
			q.ourReads.Add(1)
		default:
			q.ourWrites.Add(1)
		}
		return next.RoundTrip(r)
	})
}

// written returns how many writes of the operator there were since the last
// call, and logs what they were. Leases and what the API server writes about
// itself are left out.
func (q *requests) written(b *testing.B) int {
	b.Helper()
	sorts := q.sorted(b, isWrite)
	writes := total(sorts) - int(q.ourWrites.Load())
	since := writes - q.writes
	var news []string
	for _, sort := range slices.Sorted(maps.Keys(sorts)) {
		if n := sorts[sort] - q.sorts[sort]; n > 0 {
			news = append(news, fmt.Sprintf("%d %s", n, sort))
		}
	}
	b.Logf("%d writes of the operator and the benchmark's: %s", since, strings.Join(news, ", "))
	q.writes, q.sorts = writes, sorts
	return since
}

// read returns how many reads of the operator there were since the last call,
// without those that keep a watch.
func (q *requests) read(b *testing.B) int {
	b.Helper()
	reads := total(q.sorted(b, isRead)) - int(q.ourReads.Load())
	since := reads - q.reads
	q.reads = reads
	return since
}

// cpu returns how many seconds the API server has worked so far, the benchmark's
// own requests included.
func (q *requests) cpu(b *testing.B) time.Duration {
	b.Helper()
	return time.Duration(q.metrics(b)["process_cpu_seconds_total"].GetMetric()[0].GetCounter().GetValue() * float64(time.Second))
}

// sorted returns how many requests for servers and their children the API server
// has answered so far, by verb and resource, for verbs that are asked for.
func (q *requests) sorted(b *testing.B, wanted func(verb string) bool) map[string]int {
	b.Helper()
	sorts := map[string]int{}
	for _, m := range q.metrics(b)["apiserver_request_total"].GetMetric() {
		verb, resource := about(m)
		if resource != "" && wanted(verb) {
			sorts[verb+" "+resource] += int(m.GetCounter().GetValue())
		}
	}
	return sorts
}

func isRead(verb string) bool { return verb == "GET" || verb == "LIST" }

func isWrite(verb string) bool { return !isRead(verb) && verb != "WATCH" && verb != "CONNECT" }

func total(sorts map[string]int) int {
	sum := 0
	for _, n := range sorts {
		sum += n
	}
	return sum
}

func (q *requests) metrics(b *testing.B) map[string]*dto.MetricFamily {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, q.url, nil)
	must(b, err)
	request.Header.Set("Accept", "text/plain")
	answer, err := q.http.Do(request)
	must(b, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		b.Fatalf("metrics of the API server: %s", answer.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	must(b, err)
	return families
}

// about returns the verb of requests for servers, their children and pods, and
// what they are for, such as "pods" or "pods/status"; "" for all others.
func about(m *dto.Metric) (verb, resource string) {
	label := map[string]string{}
	for _, l := range m.GetLabel() {
		label[l.GetName()] = l.GetValue()
	}
	switch resource := label["resource"]; resource {
	case "securedmcpservers", "configmaps", "serviceaccounts", "services", "deployments", "ingresses", "networkpolicies", "poddisruptionbudgets",
		"horizontalpodautoscalers", "pods", "events":
		return label["verb"], path.Join(resource, label["subresource"])
	}
	return "", ""
}
