// The server command is the server under test of the official conformance
// suites: a runtime with the tools that their scenarios expect, the
// authorization server that it trusts, and a proxy that brings a token along,
// because the suites send none. It prints the URL to test on a line of its own.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only restores signals
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:0", "`address` to test; its port is part of the server's resource")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := start(ctx, *listen, slog.New(slog.NewJSONHandler(stderr, nil)))
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, s.url)
	return s.wait()
}
