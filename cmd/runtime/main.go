// The runtime command is the MCP resource server of one SecuredMCPServer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/securedmcp/operator/runtime/app"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "runtime:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only restores signals
	}
}

func run(ctx context.Context, args []string, stderr io.Writer) error {
	o := app.Options{Version: version}
	o.Level = new(slog.LevelVar)
	flags := flag.NewFlagSet("runtime", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.ConfigFile, "config", "", "`file` with the RuntimeConfig to enforce; its changes are followed (required)")
	flags.StringVar(&o.Listen, "listen", app.DefaultListen, "`address` of the public listener: the MCP endpoint and its metadata")
	flags.StringVar(&o.AdminListen, "admin-listen", app.DefaultAdminListen, "`address` of the admin listener: /healthz /readyz /metrics /configz")
	flags.DurationVar(&o.DrainDelay, "drain-delay", app.DefaultDrainDelay, "how long requests are still taken after SIGTERM, while readiness is off and proxies notice; 0 is not at all")
	flags.DurationVar(&o.DrainTimeout, "drain-timeout", app.DefaultDrainTimeout, "how long requests may take to end after SIGTERM")
	flags.StringVar(&o.TLS.CertFile, "tls-cert-file", "", "PEM `file` of the certificate that the public listener serves TLS with; read again when it changes")
	flags.StringVar(&o.TLS.KeyFile, "tls-key-file", "", "PEM `file` of the certificate's key")
	showVersion := flags.Bool("version", false, "print the version and exit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil // the flags are on stderr
	case err != nil:
		return err
	}
	if *showVersion {
		fmt.Println(version)
		return nil
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0))
	}
	if o.DrainDelay == 0 {
		o.DrainDelay = -1 // of the library, 0 is the default
	}
	o.Logger = app.NewLogger(os.Stdout, o.Level)
	return app.Run(ctx, o)
}
