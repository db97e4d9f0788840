package httpmw

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/securedmcp/operator/runtime/internal/audit"
)

// counted keeps the last reason that was counted.
type counted struct{ reason string }

func (c *counted) Request(_ int, reason string) { c.reason = reason }

func TestAPanicIsAnsweredCountedAndAudited(t *testing.T) {
	var log bytes.Buffer
	logger, counter := slog.New(slog.NewJSONHandler(&log, nil)), new(counted)
	responder := &Responder{Counter: counter, Audit: audit.New(logger, "https://mcp.example.com", "https://auth.example.com")}
	server := httptest.NewServer(Recover(logger, responder)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/begun" {
			_, _ = io.WriteString(w, "a part of it")
			_ = http.NewResponseController(w).Flush()
		}
		panic("s3cr3t")
	})))
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusInternalServerError || string(body) != `{"error":"server_error"}`+"\n" {
		t.Errorf("status %d, body %q, %v; want 500 and the class of the error", resp.StatusCode, body, err)
	}
	if counter.reason != "internal" || !bytes.Contains(log.Bytes(), []byte(`"decision":"denied","reason":"internal"`)) {
		t.Errorf("counted as %q, log %s", counter.reason, &log)
	}
	if bytes.Contains(log.Bytes(), []byte("s3cr3t")) {
		t.Errorf("the log quotes the panic: %s", &log)
	}
	if resp, err = server.Client().Get(server.URL + "/begun"); err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("an answer that was cut off looks whole")
	}
}
