package configz_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/securedmcp/operator/controllers/internal/configz"
)

// ask asks a server that answers with handler.
func ask(t *testing.T, handler http.HandlerFunc) (configz.Answer, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return configz.NewClient(configz.NewHTTPClient()).Ask(t.Context(), server.Listener.Addr().String())
}

func write(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func TestAnswerIsWhatTheRuntimeSays(t *testing.T) {
	tests := map[string]struct {
		body string
		want configz.Answer
	}{
		"a revision in force":              {`{"revision":"6f2c9a1b00112233","loadedAt":"2026-08-01T00:00:00Z","error":""}`, configz.Answer{Revision: "6f2c9a1b00112233"}},
		"nothing in force yet":             {`{"revision":"","error":"no configuration has been loaded yet"}`, configz.Answer{Refusal: "no configuration has been loaded yet"}},
		"a refusal":                        {`{"revision":"6f","error":"scopes: cycle"}`, configz.Answer{Revision: "6f", Refusal: "scopes: cycle"}},
		"members of a newer runtime":       {`{"revision":"6f","error":"","since":1}`, configz.Answer{Revision: "6f"}},
		"a refusal that moves the cursor":  {`{"revision":"6f","error":"a\u001b[2J\r\nb\u202e"}`, configz.Answer{Revision: "6f", Refusal: "a [2J b"}},
		"a refusal that is not even UTF-8": {"{\"revision\":\"6f\",\"error\":\"a\xffb\"}", configz.Answer{Revision: "6f", Refusal: "a b"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.String() != "/configz" {
					t.Errorf("asked %s %s, want GET /configz", r.Method, r.URL)
				}
				fmt.Fprint(w, test.body)
			})
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

func TestLongRefusalIsCut(t *testing.T) {
	got, err := ask(t, write(`{"revision":"6f","error":"`+strings.Repeat("ä", 5000)+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(got.Refusal)); n != 512 || !strings.HasSuffix(got.Refusal, "…") {
		t.Errorf("%d characters that end %q, want 512 that end with an ellipsis", n, got.Refusal[len(got.Refusal)-8:])
	}
}

func TestWhatIsNotAnAnswerIsAnErrorWithTheSameWordsEveryTime(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"an error status":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "GET /configz answers 404, want 200"},
		"no JSON":                 {write("ok"), "what GET /configz answers is not from a runtime"},
		"other JSON":              {write("{}"), "what GET /configz answers is not from a runtime"},
		"a revision that is none": {write(`{"revision":"<script>"}`), "what GET /configz answers is not from a runtime"},
		"no end":                  {write(`{"revision":"6f","error":"` + strings.Repeat("x", 1<<20) + `"}`), "GET /configz answers with more than 65536 bytes"},
		"a closed connection":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"a reset connection":      {reset, "read: connection reset by peer"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, "GET /configz answers 302, want 200"},
		"no HTTP": {garbage, `net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x1b[2J"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				_, err := ask(t, test.handler)
				if err == nil || err.Error() != test.want {
					t.Errorf("error %v, want %q", err, test.want)
				}
			}
		})
	}
}

// garbage answers with an escape sequence.
func garbage(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	fmt.Fprint(conn, "\x1b[2J\r\n\r\n")
	conn.Close()
}

// reset ends the connection so that the other side sees an error of the socket,
// which names the ports of both sides.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
		panic(err)
	}
	conn.Close()
}

func TestNobodyThereIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	_, err = configz.NewClient(configz.NewHTTPClient()).Ask(t.Context(), listener.Addr().String())
	if err == nil || err.Error() != "connect: connection refused" {
		t.Errorf("error %v, want connection refused and no addresses", err)
	}
}

func TestSilenceIsATimeout(t *testing.T) {
	client := configz.NewHTTPClient()
	client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(r.Context(), 0)
		defer cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	_, err := configz.NewClient(client).Ask(t.Context(), "192.0.2.1:9090")
	if err == nil || err.Error() != "no answer within 2s" {
		t.Errorf("error %v, want no answer within 2s", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzAnswer holds that whatever answers, what people see is short and printable.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"revision":"6f","error":"x"}`)
	f.Add("{\"revision\":\"\",\"error\":\"\\u001b[2J\xff\"}")
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, body string) {
		got, err := configz.Decode([]byte(body))
		text := got.Refusal
		if err != nil {
			text = err.Error()
		}
		if len([]rune(text)) > 512 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("text %q, want at most 512 printable characters", text)
		}
		if len(got.Revision) > 64 {
			t.Errorf("revision %q, want at most 64 digits", got.Revision)
		}
	})
}
