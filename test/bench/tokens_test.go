package bench

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/oauthtest"
)

// BenchmarkTokens measures what tokens cost that the runtime does not remember:
// new ones, each sent once, against one bare ES256 verification on the same
// processor. The bare SDK handler takes turns with them.
func BenchmarkTokens(b *testing.B) {
	issuer := oauthtest.New(b, oauthtest.WithAudience(resource))
	runtime, sdk := startServer(b, serverRuntime, issuer.Issuer()), startServer(b, serverSDK, "")
	known := request(issuer.Token(oauthtest.Claims{"scope": "call"}))
	waitReady(b, runtime, known)
	kinds := []struct {
		name   string
		server *process
		status int
		next   func() []byte
	}{
		{"go-sdk-no-auth", sdk, http.StatusOK, always(request(""))},
		{"remembered-token", runtime, http.StatusOK, always(known)},
		{"new-token", runtime, http.StatusOK, newTokens(b, issuer, 40_000)},
	}
	cpu := map[string][]float64{}
	for round := range rounds + 1 {
		for _, k := range kinds {
			before := k.server.cpu(b)
			n := k.server.load(b, connections, roundTime, k.status, k.next)
			if round > 0 {
				cpu[k.name] = append(cpu[k.name], float64((k.server.cpu(b)-before).Microseconds())/float64(n))
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, k := range kinds {
		b.ReportMetric(median(cpu[k.name]), k.name+"-cpu-us/req")
	}
	verification := es256(b)
	b.ReportMetric(verification, "es256-us")
	allowed := make([]float64, len(cpu["new-token"]))
	for i, sdk := range cpu["go-sdk-no-auth"] {
		allowed[i] = 1.1*sdk + verification
	}
	b.ReportMetric(median(ratios(cpu["new-token"], allowed)), "new-token-to-its-aim")
}

// BenchmarkRefusals measures what it costs the whole process to refuse a stranger,
// with garbage in place of a token and with a token whose signature is wrong, as the
// cost of calls is measured: in a closed loop, in which nobody is made to wait. Two
// net/http servers take turns with it: one that answers 200, and one that answers
// 401 with as many bytes, and do nothing else.
func BenchmarkRefusals(b *testing.B) {
	issuer := oauthtest.New(b, oauthtest.WithAudience(resource))
	runtime := startServer(b, serverUnpaced, issuer.Issuer())
	known := request(issuer.Token(oauthtest.Claims{"scope": "call"}))
	waitReady(b, runtime, known)
	// A heap that has not been as large as it may be grows with every request, by pages
	// that the kernel has to clear.
	runtime.load(b, connections, 3*roundTime, http.StatusOK, always(known))
	garbage, forgery := request("garbage"), request(forged(issuer))
	kinds := []struct {
		name   string
		server *process
		status int
		raw    []byte
	}{
		{serverRaw, startServer(b, serverRaw, ""), http.StatusOK, garbage},
		{serverRefusing, startServer(b, serverRefusing, ""), http.StatusUnauthorized, garbage},
		{"garbage-token", runtime, http.StatusUnauthorized, garbage},
		{"forged-token", runtime, http.StatusUnauthorized, forgery},
	}
	cpu := map[string][]float64{}
	for round := range rounds + 1 {
		for _, k := range kinds {
			before := k.server.cpu(b)
			n := k.server.load(b, connections, roundTime, k.status, always(k.raw))
			if round > 0 {
				cpu[k.name] = append(cpu[k.name], float64((k.server.cpu(b)-before).Microseconds())/float64(n))
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, k := range kinds {
		b.ReportMetric(median(cpu[k.name]), k.name+"-cpu-us/req")
	}
	for _, floor := range []string{serverRaw, serverRefusing} {
		b.ReportMetric(median(ratios(cpu["garbage-token"], cpu[floor])), "garbage-to-"+floor)
	}
	b.ReportMetric(es256(b), "es256-us")
}

// BenchmarkMemory measures what the runtime's process holds: after its start,
// and with 100,000 tokens remembered.
func BenchmarkMemory(b *testing.B) {
	const tokens = 100_000
	issuer := oauthtest.New(b, oauthtest.WithAudience(resource))
	p := startServer(b, serverRuntime, issuer.Issuer())
	waitReady(b, p, request(issuer.Token(oauthtest.Claims{"scope": "call"})))
	idle := p.resident(b)
	next := newTokens(b, issuer, tokens)
	sent := 0
	for sent < tokens-connections*64 { // each of them once, and all of them are remembered
		sent += p.load(b, connections, roundTime/4, http.StatusOK, next)
	}
	full := p.resident(b)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(idle, "MB-idle")
	b.ReportMetric(full, "MB-with-tokens")
	b.ReportMetric(float64(sent), "tokens")
	b.ReportMetric((full-idle)/float64(sent)*10_000, "MB/10000-tokens")
}

// BenchmarkFlood measures how long good calls take, one after another on one
// connection, while 64 connections send garbage as fast as they are answered.
func BenchmarkFlood(b *testing.B) {
	issuer := oauthtest.New(b, oauthtest.WithAudience(resource))
	p := startServer(b, serverRuntime, issuer.Issuer())
	known := request(issuer.Token(oauthtest.Claims{"scope": "call"}))
	waitReady(b, p, known)
	const flooders = 64
	var calm, flooded []float64
	for round := range rounds + 1 {
		before := p.p99(b, known, roundTime)
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.load(b, flooders, roundTime+roundTime/2, http.StatusUnauthorized, always(request("garbage")))
		}()
		during := p.p99(b, known, roundTime)
		<-done
		if round > 0 {
			calm, flooded = append(calm, before), append(flooded, during)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(calm), "p99-ms")
	b.ReportMetric(median(flooded), "p99-ms-flooded")
	b.ReportMetric(median(ratios(flooded, calm)), "p99-ratio")
}

func always(raw []byte) func() []byte { return func() []byte { return raw } }

// newTokens returns requests each of which has a token of its own. When all are
// sent it starts anew, so there must be enough.
func newTokens(b *testing.B, issuer *oauthtest.Server, n int) func() []byte {
	b.Helper()
	requests := make([][]byte, n)
	for i := range requests {
		requests[i] = request(issuer.Token(oauthtest.Claims{"scope": "call", "jti": "bench-" + strconv.Itoa(i)}))
	}
	var sent atomic.Int64
	return func() []byte { return requests[int(sent.Add(1)-1)%n] }
}

// forged is a token whose signature is another's.
func forged(issuer *oauthtest.Server) string {
	one, other := issuer.Token(oauthtest.Claims{"scope": "call"}), issuer.Token(oauthtest.Claims{"scope": "admin"})
	return one[:strings.LastIndexByte(one, '.')] + other[strings.LastIndexByte(other, '.'):]
}

// es256 is the time of one bare verification, in microseconds.
func es256(b *testing.B) float64 {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("header.payload"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	const times = 5000
	begin := time.Now()
	for range times {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			b.Fatal("a good signature is bad")
		}
	}
	return float64(time.Since(begin).Microseconds()) / times
}

// resident is what the process has in memory, in MB.
func (p *process) resident(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kB, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kB / 1000
		}
	}
	b.Fatal("the kernel does not say")
	return 0
}

// p99 is the 99th percentile of the time of calls one after another, in
// milliseconds.
func (p *process) p99(b *testing.B, raw []byte, d time.Duration) float64 {
	b.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	var took []float64
	for deadline := time.Now().Add(d); time.Now().Before(deadline); {
		begin := time.Now()
		status, err := exchange(conn, reader, raw)
		if err != nil || status != http.StatusOK {
			b.Fatalf("status %d, %v", status, err)
		}
		took = append(took, float64(time.Since(begin).Microseconds())/1000)
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}
