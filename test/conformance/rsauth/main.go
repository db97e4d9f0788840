// The rsauth command tests the authorization of an MCP server from outside. It
// runs an authorization server that the server under test is configured to
// trust, sends good and bad tokens, and tells what was wrong about the answers:
//
//	go run ./test/conformance/rsauth --url https://mcp.example.com/mcp --issuer-listen 127.0.0.1:9000
//
// It exits with 1 when a MUST fails, and with 2 when it could not test; --help
// tells more.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const (
	exitFailed   = 1
	exitUntested = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case err == flag.ErrHelp: //nolint:errorlint // flag returns it itself
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "rsauth:", err)
		return exitUntested
	case o.list:
		return printChecks(stdout)
	}
	report, err := o.run(ctx, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "rsauth:", err)
		return exitUntested
	}
	return write(stdout, stderr, report, o.json)
}
