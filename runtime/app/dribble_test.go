package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/oauthtest"
	"github.com/securedmcp/operator/test/runtimetest"
)

// short are timeouts that a test can wait for, with dribble well inside of them.
var short = app.Timeouts{Header: time.Second, Body: time.Second, Write: time.Second, Idle: time.Second}

const (
	dribble = 20 * time.Millisecond
	// patience bounds a connection that is never closed, far beyond the timeouts.
	patience = runtimetest.WaitLimit
)

func startShort(t *testing.T, change func(*config.RuntimeConfig)) fixture {
	t.Helper()
	return startTimed(t, short, change)
}

func startTimed(t *testing.T, timeouts app.Timeouts, change func(*config.RuntimeConfig), options ...func(*app.Options)) fixture {
	t.Helper()
	api := runtimetest.NewAPI(t, nil)
	issuer := oauthtest.New(t, oauthtest.WithAudience(runtimetest.Resource))
	c := runtimetest.Billing(issuer.Issuer(), api.URL)
	change(c)
	options = append(options, func(o *app.Options) { o.Timeouts = timeouts })
	return fixture{Runtime: runtimetest.Start(t, c, options...), issuer: issuer, api: api}
}

func (f fixture) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", f.Addr().String())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// drip writes b byte by byte until the other side closes, and fails if it never
// does.
func drip(t *testing.T, conn net.Conn, b byte) {
	t.Helper()
	closed := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		closed <- err
	}()
	ticker := time.NewTicker(dribble)
	defer ticker.Stop()
	for {
		select {
		case err := <-closed:
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open")
			}
			return
		case <-ticker.C:
			_, _ = conn.Write([]byte{b})
		}
	}
}

func TestConnectionsThatDribbleAreClosed(t *testing.T) {
	f := startShort(t, func(*config.RuntimeConfig) {})
	const host = "Host: mcp.example.com\r\n"
	body := host + "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nContent-Length: 100000\r\n"
	known := body + "Authorization: Bearer " + f.token("invoices:read") + "\r\n"
	for name, tc := range map[string]struct {
		begin string
		drip  byte
	}{
		"nothing but a connection":        {"", 'P'},
		"the header":                      {"POST /billing HTTP/1.1\r\n" + host + "X-Slow: ", 'a'},
		"the body of a known caller":      {"POST /billing HTTP/1.1\r\n" + known + "\r\n{", ' '},
		"the body of a stranger":          {"POST /billing HTTP/1.1\r\n" + body + "\r\n{", ' '},
		"the body of a request elsewhere": {"POST /elsewhere HTTP/1.1\r\n" + body + "\r\n{", ' '},
		"the body for the metadata":       {"GET /.well-known/oauth-protected-resource/billing HTTP/1.1\r\n" + body + "\r\n{", ' '},
		"a body in chunks":                {"POST /elsewhere HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1000\r\n", ' '},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := f.dial(t)
			_, err := conn.Write([]byte(tc.begin))
			must(t, err)
			drip(t, conn, tc.drip)
		})
	}
}

func TestAClientThatStopsReadingIsLetGo(t *testing.T) {
	big := strings.Repeat("a", 8<<20)
	api := runtimetest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, big)
	})
	f := startShort(t, func(c *config.RuntimeConfig) {
		c.Limits = config.Limits{ResponseBytes: 16 << 20, ConcurrentRequests: 1}
		c.Upstreams[0].HTTP.URL = api.URL
	})
	token := f.token("invoices:read")
	conn := f.dial(t)
	req := f.NewRequest(runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": "1"}))
	must(t, req.Write(conn))
	runtimetest.Eventually(t, "the call", func() bool { return len(api.Requests()) == 1 }, f.Logs)
	// It had the only place. An answer of this size does not fit into the buffers
	// between the two, so only the timeout gives it back.
	runtimetest.Eventually(t, "its place", func() bool { return f.status(token) == http.StatusOK }, f.Logs)
}

func TestASlowClientGetsALargeAnswer(t *testing.T) {
	big := strings.Repeat("a", 8<<20)
	api := runtimetest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, big)
	})
	timeouts := short
	timeouts.Write = 3 * time.Second // for 64 KiB, and it takes longer in all
	f := startTimed(t, timeouts, func(c *config.RuntimeConfig) {
		c.Limits.ResponseBytes = 16 << 20
		c.Upstreams[0].HTTP.URL = api.URL
	})
	conn := f.dial(t)
	must(t, conn.(*net.TCPConn).SetReadBuffer(64<<10))
	must(t, f.NewRequest(runtimetest.Call(f.token("invoices:read"), "lookup_invoice", map[string]any{"invoiceId": "1"})).Write(conn))
	resp, err := http.ReadResponse(bufio.NewReaderSize(slow{conn}, 32<<10), nil)
	must(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || len(got) < len(big) {
		t.Errorf("%d bytes, error %v; want all", len(got), err)
	}
}

// slow reads at most 32 KiB every 20 ms.
type slow struct{ io.Reader }

func (s slow) Read(p []byte) (int, error) {
	time.Sleep(dribble)
	return s.Reader.Read(p[:min(len(p), 32<<10)])
}

// startHTTP2 starts a server that speaks HTTP/2 and returns a connection to it,
// its preface and settings exchanged.
func startHTTP2(t *testing.T, timeouts app.Timeouts, change ...func(*config.RuntimeConfig)) (fixture, net.Conn, *http2.Framer) {
	t.Helper()
	throwaway := httptest.NewUnstartedServer(nil)
	throwaway.StartTLS()
	defer throwaway.Close()
	pair := throwaway.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	must(t, err)
	dir := t.TempDir()
	files := app.TLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	must(t, os.WriteFile(files.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600))
	must(t, os.WriteFile(files.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	f := startTimed(t, timeouts, func(c *config.RuntimeConfig) {
		for _, f := range change {
			f(c)
		}
	}, func(o *app.Options) { o.TLS = files })
	conn := tls.Client(f.dial(t), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	must(t, conn.Handshake())
	if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
		t.Fatalf("protocol %q, want h2", got)
	}
	_, err = conn.Write([]byte(http2.ClientPreface))
	must(t, err)
	framer := http2.NewFramer(conn, conn)
	must(t, framer.WriteSettings())
	return f, conn, framer
}

// http2Client returns a client that sends every request to f by HTTP/2.
func http2Client(t *testing.T, f fixture) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, f.Addr().String())
		},
	}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func headerBlock(t *testing.T, fields ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		must(t, encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return b.Bytes()
}

func TestHTTP2HeadersThatDribbleAreClosed(t *testing.T) {
	_, conn, framer := startHTTP2(t, short)
	must(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock(t, ":method", "POST")}))
	// The next frame announces 1,000 bytes of header and brings them one by one.
	_, err := conn.Write([]byte{0, 3, 0xe8, byte(http2.FrameContinuation), 0, 0, 0, 0, 1})
	must(t, err)
	drip(t, conn, 0)
}

func TestHTTP2BodiesThatDribbleAreEnded(t *testing.T) {
	for name, authorization := range map[string]bool{"of a known caller": true, "of a stranger": false} {
		t.Run(name, func(t *testing.T) {
			f, _, framer := startHTTP2(t, short)
			fields := []string{
				":method", "POST", ":scheme", "https", ":path", "/billing", ":authority", "mcp.example.com",
				"content-type", "application/json", "accept", "application/json, text/event-stream", "mcp-protocol-version", "2026-07-28", "content-length", "100000",
			}
			if authorization {
				fields = append(fields, "authorization", "Bearer "+f.token("invoices:read"))
			}
			must(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock(t, fields...), EndHeaders: true}))
			ended := make(chan error, 1)
			go func() { ended <- untilEnd(framer) }()
			ticker := time.NewTicker(dribble)
			defer ticker.Stop()
			for {
				select {
				case err := <-ended:
					must(t, err)
					return
				case <-ticker.C:
					_ = framer.WriteData(1, false, []byte(" ")) // fails once it is closed
				}
			}
		})
	}
}

// The time to write is for what there is to write: a stream may have nothing to say
// for longer.
func TestHTTP2StreamsOutliveTheTimeToWrite(t *testing.T) {
	f, _, _ := startHTTP2(t, short)
	f.HTTP = http2Client(t, f)
	opened, ended := f.listen(t, f.token("invoices:read"))
	waitOpen(t, opened, ended)
	time.Sleep(2 * short.Write)
	c := runtimetest.Billing(f.issuer.Issuer(), f.api.URL)
	c.Tools = c.Tools[:1]
	f.Replace(c)
	if text := <-ended; !strings.Contains(text, listChanged) || !strings.Contains(text, `"result"`) {
		t.Errorf("the stream ended with %s", text)
	}
}

func TestAnHTTP2ClientThatStopsReadingIsLetGo(t *testing.T) {
	big := strings.Repeat("a", 8<<20)
	api := runtimetest.NewAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, big)
	})
	f, _, framer := startHTTP2(t, short, func(c *config.RuntimeConfig) {
		c.Limits = config.Limits{ResponseBytes: 16 << 20, ConcurrentRequests: 1}
		c.Upstreams[0].HTTP.URL = api.URL
	})
	// Only what lies between the two keeps the answer back: it may be sent whole.
	const all = 1 << 30
	must(t, framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: all}))
	must(t, framer.WriteWindowUpdate(0, all))
	token := f.token("invoices:read")
	req := f.NewRequest(runtimetest.Call(token, "lookup_invoice", map[string]any{"invoiceId": "1"}))
	body, err := io.ReadAll(req.Body)
	must(t, err)
	fields := []string{":method", "POST", ":scheme", "https", ":path", "/billing", ":authority", "mcp.example.com"}
	for name, values := range req.Header {
		fields = append(fields, strings.ToLower(name), values[0])
	}
	must(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock(t, fields...), EndHeaders: true}))
	must(t, framer.WriteData(1, true, body))
	runtimetest.Eventually(t, "the call", func() bool { return len(api.Requests()) == 1 }, f.Logs)
	f.HTTP = http2Client(t, f)
	runtimetest.Eventually(t, "its place", func() bool { return f.status(token) == http.StatusOK }, f.Logs)
}

// Whoever has one connection can open and reset thousands of streams a second.
func TestHTTP2StreamsThatAreResetLeaveNothingBehind(t *testing.T) {
	const rounds, atOnce = 50, 100
	_, _, framer := startHTTP2(t, app.Timeouts{Body: time.Hour, Write: time.Hour})
	block := headerBlock(t, ":method", "POST", ":scheme", "https", ":path", "/billing", ":authority", "mcp.example.com", "content-length", "1000")
	round := func(first uint32) {
		for id := first; id < first+2*atOnce; id += 2 {
			must(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true}))
		}
		must(t, untilSeen(framer))
		for id := first; id < first+2*atOnce; id += 2 {
			must(t, framer.WriteRSTStream(id, http2.ErrCodeCancel))
		}
		must(t, untilSeen(framer))
	}
	round(1)
	before := liveObjects()
	for i := range uint32(rounds) {
		round(1 + 2*atOnce*(i+1))
	}
	var after uint64
	runtimetest.Eventually(t, "what the streams were to be freed", func() bool {
		after = liveObjects()
		return after < before+rounds*atOnce
	}, func() string { return fmt.Sprintf("%d objects before, %d after", before, after) })
}

// untilSeen returns once the server has seen all that was sent to it.
func untilSeen(framer *http2.Framer) error {
	if err := framer.WritePing(false, [8]byte{}); err != nil {
		return err
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
			return nil
		}
	}
}

// liveObjects is how many objects the heap has that are reached.
func liveObjects() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapObjects
}

// untilEnd reads until the stream has been answered and ended, or the connection
// has been closed.
func untilEnd(framer *http2.Framer) error {
	for {
		frame, err := framer.ReadFrame()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("the stream is still open: %w", err)
		}
		if err != nil {
			return nil //nolint:nilerr // closed
		}
		if frame.Header().StreamID == 1 && (frame.Header().Type == http2.FrameRSTStream || frame.Header().Flags.Has(http2.FlagDataEndStream)) {
			return nil
		}
	}
}
