package app_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/securedmcp/operator/runtime/app"
)

// A header may have 32 KiB, and net/http allows a few more.
const (
	tooLarge = 64 << 10
	wellIn   = 24 << 10
)

func TestHeadersThatAreTooLarge(t *testing.T) {
	f := start(t)
	for size, want := range map[int]int{tooLarge: http.StatusRequestHeaderFieldsTooLarge, wellIn: http.StatusUnauthorized} {
		conn := f.dial(t)
		// Whoever does not read all of it may close before all of it is written.
		_, _ = fmt.Fprintf(conn, "POST /billing HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Length: 0\r\nX-Large: %s\r\n\r\n", strings.Repeat("a", size))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d bytes: status %d, want %d", size, resp.StatusCode, want)
		}
	}
}

// What is a little too large is read to its end, so that the rest of the connection
// stays good; what is far too large ends it.
func TestHTTP2HeadersThatAreTooLarge(t *testing.T) {
	for name, tc := range map[string]struct {
		fields, size int
		want         string
	}{
		"well in":    {6, 4 << 10, "401"},
		"just over":  {9, 4 << 10, "431"},
		"far beyond": {1, tooLarge, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, framer := startHTTP2(t, app.Timeouts{})
			fields := []string{":method", "POST", ":scheme", "https", ":path", "/billing", ":authority", "mcp.example.com"}
			for range tc.fields {
				fields = append(fields, "x-large", strings.Repeat("~", tc.size))
			}
			block := headerBlock(t, fields...)
			const frame = 16 << 10
			must(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:frame], EndStream: true}))
			for rest := block[frame:]; len(rest) > 0; {
				n := min(frame, len(rest))
				_ = framer.WriteContinuation(1, n == len(rest), rest[:n]) // fails once it is closed
				rest = rest[n:]
			}
			if got := statusOf(framer); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// statusOf is the status of the answer to the first request.
func statusOf(framer *http2.Framer) string {
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return "closed"
		}
		if headers, ok := frame.(*http2.MetaHeadersFrame); ok {
			return headers.PseudoValue("status")
		}
	}
}
