// Package live serves with one configuration while it prepares the next: read,
// build everything anew, swap, close the old. A configuration that cannot be
// built changes nothing but the error that is reported.
package live

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/securedmcp/operator/runtime/internal/crash"
)

// Instance is one configuration at work.
type Instance struct {
	http.Handler
	// Retire is called when the instance gets no new requests, with the one that
	// gets them now, nil for none. It must end what would never end by itself.
	Retire func(next *Instance)
	// Tools is a digest of the tools that clients see, for Retire to compare.
	Tools [sha256.Size]byte
	// Needs are digests of what callers are judged by, each by what that is. They are
	// for Retire to compare, too.
	Needs map[string][sha256.Size]byte
	// Close is called once, when the instance has been replaced and its last
	// request has ended.
	Close func()
}

// Source is what a configuration is read from.
type Source struct {
	// Raw is the RuntimeConfig.
	Raw []byte
	// Revision identifies Raw.
	Revision string
	// Files are the contents of the files that Raw refers to, by path: a change
	// of theirs is a change of the configuration.
	Files map[string][]byte
}

func (s *Source) digest() [sha256.Size]byte {
	h := sha256.New()
	add := func(part []byte) {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	add(s.Raw)
	for _, path := range slices.Sorted(maps.Keys(s.Files)) {
		add(s.Files[path])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Status is what is enforced now, and why nothing newer is.
type Status struct {
	// Revision of the configuration in force, "" before the first.
	Revision string
	LoadedAt time.Time
	// Err is why the newest configuration was refused, nil if it is in force.
	Err error
}

// Live is an http.Handler that serves with the newest good configuration.
type Live struct {
	read  func() (*Source, error)
	build func(context.Context, *Source) (*Instance, error)

	current atomic.Pointer[generation]

	mu     sync.Mutex // serializes Reload
	digest [sha256.Size]byte
	status atomic.Pointer[Status]
}

// New returns a Live that has loaded nothing yet and answers 503.
func New(read func() (*Source, error), build func(context.Context, *Source) (*Instance, error)) *Live {
	l := &Live{read: read, build: build}
	l.status.Store(&Status{Err: errors.New("no configuration has been loaded yet")})
	return l
}

// Status returns what is enforced now.
func (l *Live) Status() Status { return *l.status.Load() }

// Ready tells whether a configuration is in force.
func (l *Live) Ready() bool { return l.current.Load() != nil }

// Reload reads the configuration and puts it in force if it is new and good.
func (l *Live) Reload(ctx context.Context) (changed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	src, err := l.read()
	if err != nil {
		return false, l.refuse(err)
	}
	sum := src.digest()
	if l.current.Load() != nil && sum == l.digest {
		l.accept() // the file may be good again after it was bad
		return false, nil
	}
	instance, err := l.tryBuild(ctx, src)
	if err != nil {
		return false, l.refuse(err)
	}
	l.digest = sum
	l.swap(newGeneration(instance))
	l.status.Store(&Status{Revision: src.Revision, LoadedAt: time.Now()})
	return true, nil
}

// tryBuild makes an error of a panic: all replicas get the same configuration, and
// one that the code is not up to must not end what serves.
func (l *Live) tryBuild(ctx context.Context, src *Source) (_ *Instance, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("building the configuration: %w", crash.Error(p))
		}
	}()
	return l.build(ctx, src)
}

func (l *Live) swap(next *generation) {
	prev := l.current.Swap(next)
	if prev == nil {
		return
	}
	if prev.instance.Retire != nil {
		var successor *Instance
		if next != nil {
			successor = next.instance
		}
		prev.instance.Retire(successor)
	}
	prev.retire()
}

// Drain lets the instance in force end its streams, as a successor would. It
// keeps answering requests.
func (l *Live) Drain() {
	if g := l.current.Load(); g != nil && g.instance.Retire != nil {
		g.instance.Retire(nil)
	}
}

func (l *Live) refuse(err error) error {
	s := l.Status()
	s.Err = err
	l.status.Store(&s)
	return err
}

func (l *Live) accept() {
	s := l.Status()
	s.Err = nil
	l.status.Store(&s)
}

// Close ends the instance in force. Requests are answered 503 from then on.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.swap(nil)
}

// ServeHTTP implements http.Handler. A request ends with the configuration that
// it began with.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for {
		g := l.current.Load()
		if g == nil {
			// Without CORS headers: nothing says yet which origins may read it.
			w.Header().Set("Retry-After", "1")
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		if g.enter() { // else it was retired between Load and here
			defer g.leave()
			g.instance.ServeHTTP(w, r)
			return
		}
	}
}
