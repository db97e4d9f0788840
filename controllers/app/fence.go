package app

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

const (
	// leaseDuration is how long the others wait for a leader that says nothing.
	leaseDuration = 15 * time.Second
	// renewDeadline is when a leader gives up that cannot renew its lease, and
	// retryPeriod how often it tries.
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
	// leaseTrust is for how long after a renewal the lease is ours beyond doubt: the
	// last attempt of an elector that works has ended by then.
	leaseTrust = retryPeriod + renewDeadline
)

var errLeaseRanOut = errors.New("the lease has run out: another operator may act by now")

// fence lets a process write only while it holds the lease. The elector finds out
// by a timer that it does not, and a process that was frozen, by a debugger or a
// node that swaps, goes on with its passes before that. The time that counts is that
// of the last renewal which the API server took, from when it was sent.
type fence struct {
	mu sync.Mutex
	// held tells whether the process has ever had the lease.
	held    bool
	renewed time.Time
}

// around has all clients of cfg write through f.
func (f *fence) around(cfg *rest.Config) *rest.Config {
	fenced := rest.CopyConfig(cfg)
	fenced.Wrap(func(next http.RoundTripper) http.RoundTripper { return &fencedTransport{f, next} })
	return fenced
}

type fencedTransport struct {
	fence *fence
	next  http.RoundTripper
}

func (t *fencedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !changesSomething(r) {
		return t.next.RoundTrip(r)
	}
	lease, sent := strings.Contains(r.URL.Path, "/apis/coordination.k8s.io/"), time.Now() // the elector's alone
	if !t.fence.open(lease) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errLeaseRanOut
	}
	resp, err := t.next.RoundTrip(r)
	if lease && err == nil && resp.StatusCode < http.StatusMultipleChoices {
		t.fence.renew(sent)
	}
	return resp, err
}

// changesSomething leaves out questions that are asked by creating something, such
// as whose a token is: those who wait for the lease have them too.
func changesSomething(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead &&
		!strings.HasPrefix(r.URL.Path, "/apis/authentication.k8s.io/") && !strings.HasPrefix(r.URL.Path, "/apis/authorization.k8s.io/")
}

// open tells whether a write may pass. Who has never had the lease may ask for it;
// who has lost it starts anew.
func (f *fence) open(lease bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.held {
		return lease
	}
	return time.Since(f.renewed) < leaseTrust
}

func (f *fence) renew(sent time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held, f.renewed = true, sent
}
