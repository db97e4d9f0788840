package httpmw

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/securedmcp/operator/runtime/internal/authn"
)

func TestBodiesAreReadWholeAndGivenBack(t *testing.T) {
	const most = 100_000
	held := newBodies(most)
	for _, size := range []int{1, smallBody - 1, smallBody, smallBody + 1, 2 * smallBody, most - 1, most} {
		for name, reader := range map[string]func([]byte) io.Reader{
			"with its length":      func(b []byte) io.Reader { return bytes.NewReader(b) },
			"in chunks":            func(b []byte) io.Reader { return io.MultiReader(bytes.NewReader(b)) },
			"byte after byte":      func(b []byte) io.Reader { return iotest.OneByteReader(bytes.NewReader(b)) },
			"the end with the end": func(b []byte) io.Reader { return iotest.DataErrReader(bytes.NewReader(b)) },
		} {
			sent := []byte(strings.Repeat("abcdefg", size/7+1)[:size])
			req := httptest.NewRequest("POST", "/", reader(sent))
			req = req.WithContext(authn.WithPrincipal(req.Context(), &authn.Principal{Subject: "s"}))
			got, done, err := held.read(req)
			if err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("%d bytes %s: %d, %v", size, name, len(got), err)
			}
			done()
		}
	}
	req := httptest.NewRequest("POST", "/", io.MultiReader(bytes.NewReader(make([]byte, most/2)), iotest.ErrReader(errors.New("broken off"))))
	req = req.WithContext(authn.WithPrincipal(req.Context(), &authn.Principal{Subject: "s"}))
	if _, _, err := held.read(req); err == nil {
		t.Error("a body that broke off was read")
	}
	if err := held.memory.Take("s", 2<<20); err != nil {
		t.Errorf("not all was given back: %v", err)
	}
}
