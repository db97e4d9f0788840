// Billing is the internal HTTP API of the demo: invoices that can be read and
// voided, and a door that turns away whoever brings credentials along. The
// MCP server in front of it must never pass its callers' tokens on, and this
// is how the demo shows that it does not.
//
//	billing --listen :8080
//	billing --resolve mcp.example.com
//	billing --dial 10.244.0.7:8080
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "billing:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only restores signals
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("billing", flag.ContinueOnError)
	listen := flags.String("listen", ":8080", "`address` to serve the API at")
	host := flags.String("resolve", "", "print the addresses of this `host` as seen from here, and exit")
	address := flags.String("dial", "", "print whether this `address` accepts connections from here, open, refused or closed, and exit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *address != "" {
		_, err := fmt.Fprintln(stdout, dial(ctx, *address))
		return err
	}
	if *host != "" {
		return resolve(ctx, *host, stdout)
	}
	return serve(ctx, *listen, slog.New(slog.NewJSONHandler(stdout, nil)))
}

// resolve shows what names mean inside the cluster, which is where the MCP
// server looks for its issuer.
func resolve(ctx context.Context, host string, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, strings.Join(addresses, "\n"))
	return err
}

// dialLimit is longer than a first packet that got lost takes to be sent again.
const dialLimit = 3 * time.Second

// dial tells what becomes of a connection: open, refused by a host where nobody
// listens, or closed, which is how a firewall looks from here.
func dial(ctx context.Context, address string) string {
	conn, err := (&net.Dialer{Timeout: dialLimit}).DialContext(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case err != nil:
		return "closed"
	}
	conn.Close()
	return "open"
}

func serve(ctx context.Context, address string, log *slog.Logger) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newAPI(log), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	log.Info("serving", "address", listener.Addr().String())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return shutdown(context.WithoutCancel(ctx), server)
	}
}

func shutdown(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
