package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// world is a configuration that tests change and count the instances of.
type world struct {
	mu      sync.Mutex
	source  Source
	readErr error

	built, closed atomic.Int32
	buildErr      error
	handler       http.HandlerFunc
}

func (w *world) set(raw string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.source = Source{Raw: []byte(raw), Revision: raw}
}

func (w *world) read() (*Source, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.source
	return &s, w.readErr
}

func (w *world) build(_ context.Context, s *Source) (*Instance, error) {
	if w.buildErr != nil {
		return nil, w.buildErr
	}
	if s.Revision == "a defect" {
		panic("index out of range")
	}
	w.built.Add(1)
	handler := w.handler
	if handler == nil {
		handler = func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, s.Revision) }
	}
	return &Instance{Handler: handler, Close: func() { w.closed.Add(1) }}, nil
}

func (w *world) live() *Live { return New(w.read, w.build) }

func get(l *Live) (int, string) {
	rec := httptest.NewRecorder()
	l.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	return rec.Code, rec.Body.String()
}

func reload(t *testing.T, l *Live, wantChanged bool) {
	t.Helper()
	changed, err := l.Reload(t.Context())
	if err != nil || changed != wantChanged {
		t.Fatalf("Reload: changed %v, error %v; want %v", changed, err, wantChanged)
	}
}

func TestNothingIsServedBeforeTheFirstConfiguration(t *testing.T) {
	l := new(world).live()
	if status, _ := get(l); status != http.StatusServiceUnavailable || l.Ready() {
		t.Errorf("status %d, ready %v", status, l.Ready())
	}
}

func TestReloadSwapsAndClosesTheOld(t *testing.T) {
	w := new(world)
	l := w.live()
	w.set("a")
	reload(t, l, true)
	w.set("b")
	reload(t, l, true)
	if _, body := get(l); body != "b" || l.Status().Revision != "b" {
		t.Errorf("body %q, revision %q", body, l.Status().Revision)
	}
	if w.built.Load() != 2 || w.closed.Load() != 1 {
		t.Errorf("built %d, closed %d; want 2, 1", w.built.Load(), w.closed.Load())
	}
}

func TestReloadOfTheSameBuildsNothing(t *testing.T) {
	w := new(world)
	l := w.live()
	w.set("a")
	reload(t, l, true)
	reload(t, l, false)
	if w.built.Load() != 1 {
		t.Errorf("built %d times, want once", w.built.Load())
	}
}

func TestAChangedFileIsAChange(t *testing.T) {
	w := new(world)
	l := w.live()
	w.source = Source{Raw: []byte("a"), Files: map[string][]byte{"ca": []byte("1")}}
	reload(t, l, true)
	w.source.Files = map[string][]byte{"ca": []byte("2")}
	reload(t, l, true)
}

func TestABadReloadKeepsTheOldAndSaysWhy(t *testing.T) {
	w := new(world)
	l := w.live()
	w.set("a")
	reload(t, l, true)
	w.set("b")
	w.buildErr = errors.New("no such scope")
	if _, err := l.Reload(t.Context()); !errors.Is(err, w.buildErr) {
		t.Fatalf("error %v", err)
	}
	if _, body := get(l); body != "a" || !errors.Is(l.Status().Err, w.buildErr) || l.Status().Revision != "a" {
		t.Errorf("body %q, status %+v", body, l.Status())
	}
	w.set("a") // taken back
	reload(t, l, false)
	if l.Status().Err != nil {
		t.Errorf("error %v stays after the configuration is good again", l.Status().Err)
	}
}

func TestAConfigurationThatBuildingPanicsOverIsRefused(t *testing.T) {
	w := new(world)
	l := w.live()
	w.set("a")
	reload(t, l, true)
	w.set("a defect")
	if _, err := l.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "panic of type string in ") {
		t.Fatalf("error %v, want one that tells of the panic", err)
	}
	if _, body := get(l); body != "a" || l.Status().Err == nil || l.Status().Revision != "a" {
		t.Errorf("body %q, status %+v", body, l.Status())
	}
}

func TestARequestEndsWithTheConfigurationItBeganWith(t *testing.T) {
	w := new(world)
	entered, release := make(chan struct{}), make(chan struct{})
	w.handler = func(rw http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		fmt.Fprint(rw, "old")
	}
	l := w.live()
	w.set("a")
	reload(t, l, true)
	done := make(chan string)
	go func() {
		_, body := get(l)
		done <- body
	}()
	<-entered
	w.handler = nil
	w.set("b")
	reload(t, l, true)
	if w.closed.Load() != 0 {
		t.Error("the old instance was closed under a request")
	}
	close(release)
	if body := <-done; body != "old" {
		t.Errorf("body %q", body)
	}
	if w.closed.Load() != 1 {
		t.Errorf("the old instance was closed %d times, want once", w.closed.Load())
	}
}

func TestEveryInstanceIsClosedOnceUnderLoad(t *testing.T) {
	w := new(world)
	l := w.live()
	w.set("0")
	reload(t, l, true)
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				if status, _ := get(l); status != http.StatusOK {
					t.Errorf("status %d", status)
					return
				}
			}
		})
	}
	for i := range 500 {
		w.set(fmt.Sprint(i + 1))
		reload(t, l, true)
	}
	cancel()
	clients.Wait()
	l.Close()
	if w.built.Load() != w.closed.Load() {
		t.Errorf("built %d, closed %d", w.built.Load(), w.closed.Load())
	}
	if status, _ := get(l); status != http.StatusServiceUnavailable {
		t.Errorf("status %d after Close, want 503", status)
	}
}
