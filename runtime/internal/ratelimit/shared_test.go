package ratelimit

import (
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startRedis starts Debian's redis-server on the port and returns how to stop
// it.
func startRedis(t *testing.T, port int) (stop func()) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("%v: install Debian's redis-server, as make test does", err)
	}
	cmd := exec.Command(path, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	}
	t.Cleanup(stop)
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
		if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = conn.Close()
			return stop
		}
		time.Sleep(5 * time.Millisecond) // a process that is not ours cannot be waited for otherwise
	}
	t.Fatal("redis-server did not start")
	return stop
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener
}

type observer struct{ shared atomic.Bool }

func (o *observer) RateLimitShared(ok bool) { o.shared.Store(ok) }

func newShared(t *testing.T, port int, prefix string, rate Rate) (*Shared, *observer) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", port), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	o := new(observer)
	return NewShared(rate, prefix, client, o, slog.New(slog.DiscardHandler)), o
}

func TestReplicasShareOneLimit(t *testing.T) {
	port := freePort(t)
	startRedis(t, port)
	rate := Rate{Interval: time.Hour, Burst: 10}
	a, _ := newShared(t, port, "server", rate)
	b, _ := newShared(t, port, "server", rate)
	other, _ := newShared(t, port, "other", rate)
	if got := allowed(t, a, "x", 6) + allowed(t, b, "x", 6); got != 10 {
		t.Errorf("two replicas allowed %d, want 10 together", got)
	}
	if v := b.Take(t.Context(), "x"); v.Allowed || v.RetryAfter <= 0 || v.RetryAfter > time.Hour {
		t.Errorf("verdict %+v", v)
	}
	if got := allowed(t, other, "x", 12); got != 10 {
		t.Errorf("another server on the same store allowed %d, want 10 of its own", got)
	}
}

func TestAnOutageOfTheStoreFallsBackAndIsReported(t *testing.T) {
	port := freePort(t)
	stop := startRedis(t, port)
	l, o := newShared(t, port, "server", Rate{Interval: time.Hour, Burst: 3})
	if got := allowed(t, l, "x", 5); got != 3 || !o.shared.Load() {
		t.Fatalf("%d allowed, shared %v; want 3, true", got, o.shared.Load())
	}
	stop()
	if got := allowed(t, l, "x", 5); got != 3 || o.shared.Load() {
		t.Errorf("without the store: %d allowed, shared %v; want 3 of its own, false", got, o.shared.Load())
	}
	startRedis(t, port)
	deadline := time.Now().Add(10 * time.Second)
	for !o.shared.Load() && time.Now().Before(deadline) {
		l.Take(t.Context(), "y")
		time.Sleep(10 * time.Millisecond)
	}
	if !o.shared.Load() {
		t.Error("the store is back and not used")
	}
}
