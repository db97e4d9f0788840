package httpmw

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The deadline of one answer is not the next one's. net/http lifts it in between,
// and BoundTransfer leaves that to it.
func TestAnAnswerMayBeginLateOnAConnectionInUse(t *testing.T) {
	const write = 50 * time.Millisecond
	server := httptest.NewServer(BoundTransfer(time.Second, write)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/late" {
			time.Sleep(3 * write)
			w.WriteHeader(http.StatusNoContent) // which sets no deadline
			return
		}
		_, _ = w.Write([]byte("now"))
	})))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for _, path := range []string{"/", "/late", "/"} {
		req := httptest.NewRequest(http.MethodGet, path, nil)
		if err := req.Write(conn); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(reader, req)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
