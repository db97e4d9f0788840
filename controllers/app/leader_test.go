package app_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/controllers/app"
)

// wire is the connection of one operator to the API server.
type wire struct {
	mu sync.Mutex
	// noLease is set when nothing about leases gets through.
	noLease bool
	// writes are those to anything else.
	writes []string

	watches watches
}

func (w *wire) attach(cfg *rest.Config) {
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if err := w.pass(r); err != nil {
				return nil, err
			}
			return w.watches.send(r, next)
		})
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *wire) pass(r *http.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case strings.Contains(r.URL.Path, "/leases"):
		if w.noLease {
			return http.ErrServerClosed
		}
	case r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/events"):
		w.writes = append(w.writes, r.Method+" "+r.URL.Path)
	}
	return nil
}

func (w *wire) cutLease() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noLease = true
}

// take returns the writes since the last call.
func (w *wire) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.writes
	w.writes = nil
	return taken
}

func (s *site) holder() string {
	s.t.Helper()
	var leases coordinationv1.LeaseList
	if err := s.List(s.t.Context(), &leases, client.InNamespace("default")); err != nil || len(leases.Items) != 1 || leases.Items[0].Spec.HolderIdentity == nil {
		s.t.Fatalf("want one lease that is held, got %d (%v)", len(leases.Items), err)
	}
	return *leases.Items[0].Spec.HolderIdentity
}

// One operator acts at a time: the one that cannot renew its lease ends before
// another may have it.
func TestOperatorThatLosesItsLeaseEndsBeforeTheOtherActs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	elect := func(o *app.Options) { o.LeaderElect, o.LeaderElectionNamespace = true, "default" }
	var first, second wire
	old := s.startOperator(&first, elect)
	server := s.server("a")
	s.create(server)
	s.served(server, server.Spec.Title)
	holder := s.holder()
	s.startOperator(&second, elect)

	first.cutLease()
	if err := old.end(t); err == nil {
		t.Error("the operator ended without an error: nothing starts it anew")
	}
	first.take()
	if writes := second.take(); len(writes) > 0 {
		t.Errorf("the second operator wrote %v while the first had not ended", writes)
	}
	s.title(server, "another")
	s.served(server, "another")
	if now := s.holder(); now == holder {
		t.Errorf("the lease is still held by %s", now)
	}
	if writes := first.take(); len(writes) > 0 {
		t.Errorf("the first operator wrote %v after its end", writes)
	}
}

// Clocks of operators may be off by any time: what counts is how long a lease was
// seen not to change, not what is written in it.
func TestLeaseOfAnOperatorWhoseClockIsOffIsTakenOver(t *testing.T) {
	for name, off := range map[string]time.Duration{"fast": time.Hour, "slow": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: app.DefaultLeaderElectionName, Namespace: "default"}}
			lease.Spec = coordinationv1.LeaseSpec{
				HolderIdentity: new("somebody"), LeaseDurationSeconds: new(int32(15)),
				AcquireTime: new(metav1.NewMicroTime(time.Now().Add(off))), RenewTime: new(metav1.NewMicroTime(time.Now().Add(off))),
			}
			s.create(lease)
			s.startOperator(new(wire), func(o *app.Options) { o.LeaderElect, o.LeaderElectionNamespace = true, "default" })
			server := s.server("a")
			s.create(server)
			s.served(server, server.Spec.Title)
			if s.holder() == "somebody" {
				t.Error("the operator acts without the lease")
			}
		})
	}
}
