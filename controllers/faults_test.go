package controllers_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// fault is what happens to a request in place of what should.
type fault func(r *http.Request, next http.RoundTripper) (*http.Response, error)

// faults has one call of a pass go wrong, reads and writes alike; watches and the
// discovery of APIs run beside it.
type faults struct {
	mu sync.Mutex
	// after is how many calls go well first.
	after int
	fault fault
	// hit is the call that went wrong, "" if none did.
	hit string
}

// arm has the call after that many go wrong, once.
func (f *faults) arm(after int, fault fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after, f.fault, f.hit = after, fault, ""
}

// disarm returns the call that went wrong.
func (f *faults) disarm() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = nil
	return f.hit
}

func (f *faults) inject(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if fault := f.due(r); fault != nil {
			return fault(r, next)
		}
		return next.RoundTrip(r)
	})
}

func (f *faults) due(r *http.Request) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault == nil || r.URL.Query().Has("watch") || !strings.Contains(r.URL.Path, "/namespaces/") {
		return nil
	}
	if f.after--; f.after >= 0 {
		return nil
	}
	fault := f.fault
	f.fault, f.hit = nil, r.Method+" "+r.URL.Path
	return fault
}

// answers is a fault in which the API server says no before it has done anything.
func answers(code int, reason metav1.StatusReason, header ...string) fault {
	return func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		h := http.Header{"Content-Type": []string{"application/json"}}
		if len(header) == 2 {
			h.Set(header[0], header[1])
		}
		body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"not now"}`, reason, code)
		return &http.Response{StatusCode: code, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// slow is an answer that comes long after what it tells of is in the caches.
func slow(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	answer, err := next.RoundTrip(r)
	time.Sleep(100 * time.Millisecond) // the fault, not a wait for something
	return answer, err
}

func resetBefore(*http.Request, http.RoundTripper) (*http.Response, error) {
	return nil, syscall.ECONNRESET
}

func resetAfter(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	answer, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return nil, errors.Join(answer.Body.Close(), syscall.ECONNRESET)
}

func truncated(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	answer, err := next.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(answer.Body, 10), errorReader{}), answer.Body}
		answer.ContentLength = -1
	}
	return answer, err
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Whatever happens to one call of a pass, the passes after it finish what it
// began, and then there is nothing left to write.
func TestEveryCallOfAPassMayGoWrong(t *testing.T) {
	all := map[string]fault{
		"a slow answer":             slow,
		"a conflict":                answers(http.StatusConflict, metav1.StatusReasonConflict),
		"too many requests":         answers(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, "Retry-After", "0"),
		"an API server that starts": answers(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable),
		"a connection reset before the call arrives": resetBefore,
		"a connection reset after the call arrives":  resetAfter,
		"an answer that ends early":                  truncated,
	}
	for name, fault := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newNarrowWorld(t)
			for i, name := range faultyWorks {
				w.failEverywhere(name, fmt.Sprintf("a-%d", i), works[name], fault)
			}
		})
	}
}

// faultyWorks take every kind of call: reads past the cache, applies, deletions,
// annotations, and patches that give ownership up.
var faultyWorks = []string{
	"that makes the children", "that replaces the pods and takes the exposure away", "that overwrites what was edited by hand", "that finds a child without its label",
	"that makes an Ingress of another class anew",
}

// failEverywhere has a pass go wrong at its first call, at its second with
// another server, and so on until a pass has fewer calls. The servers' names begin
// with prefix.
func (w *world) failEverywhere(name, prefix string, work work, fault fault) {
	w.t.Helper()
	for n := range 60 {
		s := w.server(fmt.Sprintf("%s-%d", prefix, n))
		begin(w, work, s)
		w.faults.arm(n, fault)
		err := w.attempt(s)
		hit := w.faults.disarm()
		w.recover(s)
		work.check(w, s)
		if w.t.Failed() {
			w.t.Fatalf("the pass %s, after %s went wrong: %v", name, hit, err)
		}
		if hit == "" {
			if n == 0 {
				w.t.Errorf("the pass %s has no call; the test shows nothing", name)
			}
			return
		}
	}
	w.t.Errorf("the pass %s never ends", name)
}

// recover runs the passes that the queue would, until there is nothing left to
// write. Passes that do not end that way fail the test.
func (w *world) recover(s *v1alpha1.SecuredMCPServer) {
	w.t.Helper()
	// The cache may not have what a call did whose answer was lost.
	w.eventually("a pass that nobody was quicker than", func() bool {
		_, err := w.pass(s)
		return !apierrors.IsConflict(err)
	})
	const enough = 5
	for range enough {
		w.settle(s)
		w.writes.take()
		w.settle(s)
		if writes := w.writes.take(); len(writes) == 0 {
			return
		}
	}
	w.t.Errorf("%s: every pass writes", s.Name)
}
