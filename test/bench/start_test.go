package bench

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
)

// BenchmarkStart measures the runtime program from its start until it is ready,
// issuer discovered and keys fetched over TLS, and the processor time of it. On
// a busy machine the difference of both is how long it waited for a processor.
//
//	go test -run '^$' -bench 'BenchmarkStart$' -benchtime 20x ./test/bench
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	program := filepath.Join(dir, "runtime")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", program, "../../cmd/runtime").CombinedOutput(); err != nil {
		b.Fatalf("building the runtime: %v\n%s", err, out)
	}
	file := writeStartConfig(b, dir)
	var took, used []time.Duration
	for b.Loop() {
		t, u := startOnce(b, program, file)
		took, used = append(took, t), append(used, u)
	}
	slices.Sort(took)
	slices.Sort(used)
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(0, "ns/op") // of no meaning: stopping is in it
	b.ReportMetric(milliseconds(took[len(took)/2]), "median-ms")
	b.ReportMetric(milliseconds(took[len(took)-1]), "slowest-ms")
	b.ReportMetric(milliseconds(used[len(used)/2]), "median-cpu-ms")
	b.ReportMetric(milliseconds(used[len(used)-1]), "most-cpu-ms")
}

func writeStartConfig(b *testing.B, dir string) string {
	b.Helper()
	issuer := oauthtest.New(b, oauthtest.WithTLS())
	ca, file := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "config.json")
	raw, err := config.Encode(&config.RuntimeConfig{
		Name: "bench", Resource: resource, Issuer: issuer.Issuer(), Audience: resource, Tokens: config.Tokens{CABundleFile: ca},
		Upstreams: []config.Upstream{{Name: "api", HTTP: &config.HTTPUpstream{URL: "http://127.0.0.1:1"}}},
		Tools:     []config.Tool{{Name: "echo", InputSchema: json.RawMessage(echoSchema), Upstream: "api", HTTP: &config.HTTPTool{Method: "POST", Path: "/"}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, content := range map[string][]byte{ca: issuer.CAPEM(), file: raw} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return file
}

// startOnce returns how long the program took until it was ready, and how much
// processor time it had used by then.
func startOnce(b *testing.B, program, file string) (took, used time.Duration) {
	b.Helper()
	p := &process{addr: freeAddress(b)}
	p.cmd = exec.CommandContext(b.Context(), program, "--config", file, "--listen", "127.0.0.1:0", "--admin-listen", p.addr, "--drain-delay", "1ms")
	start := time.Now()
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	for !p.ready([]byte("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")) {
		if time.Since(start) > time.Minute {
			b.Fatal("the runtime is not ready within a minute")
		}
		time.Sleep(time.Millisecond)
	}
	took, used = time.Since(start), p.cpu(b)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	_ = p.cmd.Wait()
	return took, used
}

func freeAddress(b *testing.B) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
