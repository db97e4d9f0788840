// Package bench measures. Its figures are in docs/performance.md.
package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
)

const (
	rounds      = 7
	roundTime   = time.Second
	connections = 16
)

// BenchmarkToolsCall compares an authenticated tools/call of the runtime, the
// token remembered, with the bare SDK handler, as it is and with the runtime's
// settings of the garbage collector, and with net/http. The servers take turns on
// one processor, the load is on another, and each figure is the median of seven
// rounds.
func BenchmarkToolsCall(b *testing.B) {
	issuer := oauthtest.New(b, oauthtest.WithAudience(resource))
	token := issuer.Token(oauthtest.Claims{"scope": "call"})
	names := []string{serverRaw, serverSDK, serverTuned, serverRuntime}
	raw := request(token)
	servers := map[string]*process{}
	for _, name := range names {
		servers[name] = startServer(b, name, issuer.Issuer())
	}
	waitReady(b, servers[serverRuntime], raw)
	cpu, rate := map[string][]float64{}, map[string][]float64{}
	// The rounds are the measurement, whatever -benchtime says.
	for round := range rounds + 1 {
		for _, name := range names {
			before := servers[name].cpu(b)
			n := servers[name].load(b, connections, roundTime, 200, func() []byte { return raw })
			if round == 0 {
				continue // warming up
			}
			cpu[name] = append(cpu[name], float64((servers[name].cpu(b)-before).Microseconds())/float64(n))
			rate[name] = append(rate[name], float64(n)/roundTime.Seconds())
		}
	}
	b.ReportMetric(0, "ns/op") // the length of the rounds says nothing
	for _, name := range names {
		b.ReportMetric(median(cpu[name]), name+"-cpu-us/req")
		b.ReportMetric(median(rate[name]), name+"-req/s")
	}
	for _, name := range []string{serverSDK, serverTuned} {
		b.ReportMetric(median(ratios(cpu[serverRuntime], cpu[name])), "cpu-ratio-to-"+name)
		b.ReportMetric(median(ratios(rate[serverRuntime], rate[name])), "throughput-ratio-to-"+name)
	}
	b.ReportMetric(float64(issuer.Count(oauthtest.EndpointJWKS)), "key-fetches")
}

func waitReady(b *testing.B, p *process, raw []byte) {
	b.Helper()
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
		if p.ready(raw) {
			return
		}
	}
	b.Fatal("the runtime did not become ready within 10 s")
}

func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
