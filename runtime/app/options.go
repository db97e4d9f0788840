package app

import (
	"errors"
	"log/slog"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Defaults of Options.
const (
	DefaultListen       = ":8080"
	DefaultAdminListen  = ":9090"
	DefaultDrainTimeout = 20 * time.Second
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
	// notice. Default 0.
	DrainDelay time.Duration
	// DrainTimeout is how long requests may take to end once the runtime is
	// told to stop. Default 20 seconds.
	DrainTimeout time.Duration
	// Builtins are the Go functions behind tools whose upstream is "builtin",
	// by tool name. A configuration that names one that is not here is refused.
	// Arguments have been validated against the tool's input schema, and the
	// request carries no credentials.
	Builtins map[string]mcp.ToolHandler
	// Logger gets everything that is logged, audit lines included. Default
	// slog.Default.
	Logger *slog.Logger
	// Level, where it is set, is the level of Logger and follows the logLevel of
	// the configuration. Audit lines are written whatever it is.
	Level *slog.LevelVar
	// Version is told to clients in the MCP server information.
	Version string
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
	if o.DrainTimeout == 0 {
		o.DrainTimeout = DefaultDrainTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	return nil
}
