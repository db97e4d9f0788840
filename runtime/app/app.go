// Package app is the runtime: an MCP resource server that enforces one
// RuntimeConfig. A program of one's own can embed it to offer tools that are Go
// functions; see Options.Builtins.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/securedmcp/operator/runtime/internal/httpmw"
	"github.com/securedmcp/operator/runtime/internal/live"
	"github.com/securedmcp/operator/runtime/internal/telemetry"
)

const maxHeaderBytes = 32 << 10

// Server is a running runtime.
type Server struct {
	options  Options
	live     *live.Live
	metrics  *telemetry.Metrics
	public   listener
	admin    listener
	tls      *tls.Config
	floor    *tlsFloor
	closing  *sync.WaitGroup
	draining atomic.Bool
	done     chan struct{}
	err      error
}

type listener struct {
	net.Listener
	server *http.Server
}

// Run runs a runtime until ctx ends, then drains it.
func Run(ctx context.Context, o Options) error {
	defer TuneGC()()
	s, err := Start(ctx, o)
	if err != nil {
		return err
	}
	return s.Wait()
}

// Start listens and returns; the configuration is loaded in the background, and
// the public listener answers 503 until then. The runtime stops when ctx ends.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	floor := new(tlsFloor)
	tlsConfig, err := o.TLS.config(floor, o.Logger)
	if err != nil {
		return nil, err
	}
	redis.SetLogger(storeLog{o.Logger}) // there is one for the whole process
	registry := prometheus.NewRegistry()
	s := &Server{options: o, tls: tlsConfig, floor: floor, metrics: telemetry.New(registry), done: make(chan struct{})}
	keys := newKeyPool(s.metrics, o.Logger, o.Now)
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "securedmcp", Name: "issuer_keys_age_seconds", Help: "Time since the issuer's keys were last fetched.",
	}, keys.oldest))
	b := &builder{options: o, metrics: s.metrics, keys: keys, floor: floor, pace: httpmw.NewPace(o.RefusalsPerSecond)}
	s.closing = &b.closing
	s.live = live.New(b.read, b.build)
	if err := s.listen(registry); err != nil {
		return nil, err
	}
	go s.run(ctx)
	return s, nil
}

func (s *Server) listen(registry *prometheus.Registry) error {
	var err error
	if s.public.Listener, err = net.Listen("tcp", s.options.Listen); err != nil {
		return fmt.Errorf("opening the public listener: %w", err)
	}
	if s.admin.Listener, err = net.Listen("tcp", s.options.AdminListen); err != nil {
		s.public.Close()
		return fmt.Errorf("opening the admin listener: %w", err)
	}
	if s.public.server = newHTTPServer(partWhile(&s.draining, s.floor.refuseBelow(s.live)), &s.options); s.tls != nil {
		s.public.Listener = tls.NewListener(s.public.Listener, s.tls)
		s.public.server.TLSConfig = s.tls
	}
	s.admin.server = newHTTPServer(adminRoutes(s.live, registry, &s.draining), &s.options)
	return nil
}

func newHTTPServer(h http.Handler, o *Options) *http.Server {
	t := o.Timeouts
	return &http.Server{
		Handler:           httpmw.BoundTransfer(t.Body, t.Write)(h),
		ReadHeaderTimeout: t.Header,
		IdleTimeout:       t.Idle,
		MaxHeaderBytes:    maxHeaderBytes,
		// The deadlines of answers bound what waits for its turn; a connection that takes
		// nothing at all keeps HTTP/2 from acting on them.
		HTTP2: &http.HTTP2Config{WriteByteTimeout: t.Write},
		// Of what any stranger can cause at will, TLS that is not spoken for one.
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
}

// Addr is the address of the public listener.
func (s *Server) Addr() net.Addr { return s.public.Addr() }

// AdminAddr is the address of the admin listener.
func (s *Server) AdminAddr() net.Addr { return s.admin.Addr() }

// Wait returns when the runtime has stopped, nil if it was told to.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

func (s *Server) run(ctx context.Context) {
	defer close(s.done)
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range []listener{s.public, s.admin} {
		group.Go(func() error {
			if err := l.server.Serve(l.Listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	group.Go(func() error { return s.watch(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		return s.drain(ctx)
	})
	s.err = group.Wait()
	s.live.Close()
	s.closing.Wait()
}

// watch keeps the configuration in force current. The directory of the file is
// watched; what the file refers to is polled with it.
func (s *Server) watch(ctx context.Context) error {
	var last string
	onReload := func(changed bool, err error) {
		status := s.live.Status()
		switch {
		case err != nil && err.Error() != last:
			last = err.Error()
			s.metrics.ConfigLoaded("", err)
			s.options.Logger.Error("configuration refused", "enforced", status.Revision, "error", err)
		case err == nil && !changed:
			last = "" // good again: the same mistake later is worth a line again
			s.metrics.ConfigGood()
		case changed:
			last = ""
			s.metrics.ConfigLoaded(status.Revision, nil)
			s.options.Logger.Info("configuration enforced", "revision", status.Revision)
		}
	}
	return s.live.Watch(ctx, []string{filepath.Dir(s.options.ConfigFile)}, onReload, s.options.Logger)
}

// partWhile ends each connection with the next answer while the runtime drains: its
// client opens another one, which leads to another pod. A connection that is only
// closed at the end of the drain may have a request on its way.
func partWhile(draining *atomic.Bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if draining.Load() {
			w.Header().Set("Connection", "close")
			w = &parting{ResponseWriter: w}
		}
		next.ServeHTTP(w, req)
	})
}

// parting has the last word on the connection: the MCP SDK would keep that of an event
// stream alive.
type parting struct{ http.ResponseWriter }

func (w *parting) WriteHeader(status int) {
	w.Header().Set("Connection", "close")
	w.ResponseWriter.WriteHeader(status)
}

func (w *parting) Write(b []byte) (int, error) {
	w.Header().Set("Connection", "close")
	return w.ResponseWriter.Write(b)
}

// FlushError makes http.ResponseController flush with the header.
func (w *parting) FlushError() error {
	w.Header().Set("Connection", "close")
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach deadlines.
func (w *parting) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// drain lets requests end. Readiness goes first, and the admin listener last,
// so that whoever sends requests here can see it.
func (s *Server) drain(ctx context.Context) error {
	s.draining.Store(true)
	s.options.Logger.Info("stopping", "drainDelay", s.options.DrainDelay, "drainTimeout", s.options.DrainTimeout)
	<-time.After(s.options.DrainDelay)
	s.live.Drain()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.DrainTimeout)
	defer cancel()
	err := s.public.server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("draining: requests still ran after %s: %w", s.options.DrainTimeout, err)
		s.public.server.Close()
	}
	return errors.Join(err, s.admin.server.Close())
}
