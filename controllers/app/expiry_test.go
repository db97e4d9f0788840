package app_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// watches are those of one operator. The zero value is ready for use.
type watches struct {
	mu sync.Mutex
	// open are the bodies of answers that have not ended, and what was watched.
	open map[io.Closer]string
	// expired are what is watched from a version that the API server has no more.
	expired map[string]bool
	refused int
}

func (w *watches) send(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	if r.URL.Query().Get("watch") != "true" {
		return next.RoundTrip(r)
	}
	if w.refuse(r.URL.Path) {
		const gone = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}`
		return &http.Response{
			StatusCode: http.StatusGone, ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(gone)),
		}, nil
	}
	resp, err := next.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusOK {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.open == nil {
			w.open = map[io.Closer]string{}
		}
		w.open[resp.Body] = r.URL.Path
	}
	return resp, err
}

func (w *watches) refuse(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.expired[path] {
		return false
	}
	delete(w.expired, path)
	w.refused++
	return true
}

// expire ends every watch, and has the API server refuse to go on from where each
// was, as it does when etcd was compacted meanwhile.
func (w *watches) expire() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expired = map[string]bool{}
	var errs []error
	for body, path := range w.open {
		w.expired[path] = true
		errs = append(errs, body.Close())
	}
	w.open = nil
	return errors.Join(errs...)
}

// left is how many watches nobody has begun again, and how many were refused.
func (w *watches) left() (waiting, refused int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.expired), w.refused
}

// What happens while nothing is watched is found out all the same.
func TestOperatorListsAnewWhatItCanWatchNoMore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	on := new(wire)
	op := s.startOperator(on)
	server := s.server("a")
	s.create(server)
	s.served(server, server.Spec.Title)
	for _, title := range []string{"one", "two"} {
		_, before := on.watches.left()
		if err := on.watches.expire(); err != nil {
			t.Fatal(err)
		}
		s.title(server, title)
		s.served(server, title)
		s.eventually("every watch is refused and begun again", func() bool {
			waiting, refused := on.watches.left()
			return waiting == 0 && refused > before
		})
	}
	op.stop()
	if err := op.end(t); err != nil {
		t.Errorf("the operator ended with %v", err)
	}
}
