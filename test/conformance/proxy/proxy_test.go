package proxy_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/conformance/proxy"
)

// inFrontOf returns the URL of a proxy to a server, both of which end with the test.
func inFrontOf(t *testing.T, server http.HandlerFunc, header http.Header) string {
	t.Helper()
	behind := httptest.NewServer(server)
	t.Cleanup(behind.Close)
	target, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(proxy.New(target, header, slog.New(slog.DiscardHandler)))
	t.Cleanup(front.Close)
	return front.URL
}

// through sends a request by way of a proxy that adds a token, and returns what
// arrived.
func through(t *testing.T, change func(*http.Request)) *http.Request {
	t.Helper()
	var got *http.Request
	front := inFrontOf(t, func(_ http.ResponseWriter, r *http.Request) { got = r }, http.Header{"Authorization": {"Bearer added"}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front+"/mcp?a=b", nil)
	if err != nil {
		t.Fatal(err)
	}
	change(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got == nil {
		t.Fatalf("nothing arrived; status %d", resp.StatusCode)
	}
	return got
}

func TestTheHeaderIsAddedAndNothingElseChanges(t *testing.T) {
	got := through(t, func(r *http.Request) {
		r.Host = "evil.example.com"
		r.Header.Set("Origin", "http://evil.example.com")
		r.Header["Mcp-Name"] = []string{"a", "b"}
	})
	if got.Header.Get("Authorization") != "Bearer added" {
		t.Errorf("Authorization %q", got.Header.Get("Authorization"))
	}
	if got.Host != "evil.example.com" || got.Header.Get("Origin") != "http://evil.example.com" {
		t.Errorf("host %q, origin %q: want them as they were sent", got.Host, got.Header.Get("Origin"))
	}
	if n := len(got.Header.Values("Mcp-Name")); n != 2 {
		t.Errorf("%d values of a repeated header, want 2", n)
	}
	if got.URL.RequestURI() != "/mcp?a=b" {
		t.Errorf("target %s", got.URL.RequestURI())
	}
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "Via"} {
		if got.Header.Get(name) != "" {
			t.Errorf("%s was added", name)
		}
	}
}

func TestAHeaderOfTheClientIsKept(t *testing.T) {
	got := through(t, func(r *http.Request) { r.Header.Set("Authorization", "Bearer own") })
	if values := got.Header.Values("Authorization"); len(values) != 1 || values[0] != "Bearer own" {
		t.Errorf("Authorization %q", values)
	}
}

func TestEventsArePassedOnAsTheyCome(t *testing.T) {
	more := make(chan struct{})
	front := inFrontOf(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-more:
		case <-r.Context().Done():
		}
	}, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 9)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "data: 1\n\n" {
		t.Errorf("first event %q, %v; want it while the answer is not over", first, err)
	}
	close(more)
}

// An answer that begins before the proxy has looked for the end of the request's body
// is none of its end.
func TestAnswersArriveWhole(t *testing.T) {
	const clients, each, pause, answer = 16, 20, 20 * time.Millisecond, "begin end"
	front := inFrontOf(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for _, part := range []string{"begin", " ", "end"} {
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(pause)
		}
	}, nil)
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for range each {
				resp, err := http.Post(front, "text/plain", strings.NewReader("question"))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(got) != answer {
					t.Errorf("answer %q, %v, want %q", got, err, answer)
					return
				}
			}
		})
	}
	group.Wait()
}
