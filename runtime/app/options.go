package app

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Defaults of Options.
const (
	DefaultListen       = ":8080"
	DefaultAdminListen  = ":9090"
	DefaultDrainDelay   = 3 * time.Second
	DefaultDrainTimeout = 20 * time.Second
	DefaultStoreTimeout = 100 * time.Millisecond
	// DefaultRefusalsPerSecond is far more than come of their own accord, and a
	// small part of one processor.
	DefaultRefusalsPerSecond = 500
)

// Options say how a runtime runs; what it enforces is in the configuration.
type Options struct {
	// ConfigFile is the path of the RuntimeConfig. Required. The file is
	// watched and its changes are enforced as they come.
	ConfigFile string
	// Listen is the address of the public listener. Default ":8080".
	Listen string
	// AdminListen is the address of the admin listener, which must not be
	// reachable by strangers. Default ":9090".
	AdminListen string
	// TLS is how the public listener serves TLS. Default: it serves plain HTTP,
	// for a proxy in front to do TLS.
	TLS TLS
	// DrainDelay is how long requests are still taken once the runtime is told to
	// stop and is no longer ready: those who send them here need a moment to
	// notice. Default 3 seconds; a negative one is none.
	DrainDelay time.Duration
	// DrainTimeout is how long requests may take to end once the runtime is
	// told to stop. Default 20 seconds.
	DrainTimeout time.Duration
	// Timeouts bound how long a connection may take for what costs it nothing.
	Timeouts Timeouts
	// StoreTimeout is how long a request waits for the store that replicas share
	// before its replica decides alone. Default 100 milliseconds.
	StoreTimeout time.Duration
	// RefusalsPerSecond is how many requests without a valid token are refused
	// without a wait; more of them wait up to a second, so that a flood leaves the
	// processor to those who are known. Default 500; with a negative one nobody waits.
	RefusalsPerSecond int
	// Builtins are the Go functions behind tools whose upstream is "builtin",
	// by tool name. A configuration that names one that is not here is refused.
	// Arguments have been validated against the tool's input schema, and the
	// request carries no credentials. A result or an error of more than
	// limits.responseBytes is a tool error in its place.
	Builtins map[string]mcp.ToolHandler
	// Logger gets everything that is logged, audit lines included; see NewLogger.
	// Default slog.Default.
	Logger *slog.Logger
	// Level, where it is set, is the level of Logger and follows the logLevel of
	// the configuration. Audit lines are written whatever it is.
	Level *slog.LevelVar
	// Version is told to clients in the MCP server information.
	Version string
	// Now is the clock that the issuer's keys age by. Default time.Now.
	Now func() time.Time
}

// Timeouts close connections that dribble, of either listener. 0 means the
// default.
type Timeouts struct {
	// Header is how long the header of a request may take, and a TLS handshake.
	// Default 10 seconds.
	Header time.Duration
	// Body is how long the body of a request may take. Default 30 seconds.
	Body time.Duration
	// Write is how long the client may take to accept 64 KiB of an answer. Default
	// 30 seconds.
	Write time.Duration
	// Idle is how long a connection may be without a request, of HTTP/2 without a
	// whole one. Default 2 minutes.
	Idle time.Duration
}

func (t *Timeouts) complete() {
	t.Header = cmp.Or(t.Header, 10*time.Second)
	t.Body = cmp.Or(t.Body, 30*time.Second)
	t.Write = cmp.Or(t.Write, 30*time.Second)
	t.Idle = cmp.Or(t.Idle, 2*time.Minute)
}

func (o *Options) complete() error {
	if o.ConfigFile == "" {
		return errors.New("no configuration file is given")
	}
	if o.Listen == "" {
		o.Listen = DefaultListen
	}
	if o.AdminListen == "" {
		o.AdminListen = DefaultAdminListen
	}
	o.DrainDelay = cmp.Or(o.DrainDelay, DefaultDrainDelay)
	if o.DrainTimeout == 0 {
		o.DrainTimeout = DefaultDrainTimeout
	}
	o.StoreTimeout = cmp.Or(o.StoreTimeout, DefaultStoreTimeout)
	o.RefusalsPerSecond = cmp.Or(o.RefusalsPerSecond, DefaultRefusalsPerSecond)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Timeouts.complete()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	return nil
}
