package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/securedmcp/operator/test/conformance/rsauth/checks"
)

type options struct {
	config       checks.Config
	issuerListen string
	issuerURL    string
	scope        string
	arguments    string
	caFile       string
	only         string
	json         bool
	list         bool
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("rsauth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	c := &o.config
	flags.StringVar(&c.URL, "url", "", "`URL` of the MCP endpoint, which is the resource that its metadata names (required)")
	flags.StringVar(&o.issuerListen, "issuer-listen", "", "`address` that the authorization server listens on, host:port (required)")
	flags.StringVar(&o.issuerURL, "issuer-url", "", "issuer `URL` that the server under test trusts, if it reaches the authorization server otherwise (default http://ADDRESS)")
	flags.StringVar(&c.Audience, "audience", "", "`audience` that tokens must have (default the URL)")
	flags.StringVar(&o.scope, "scope", "", "`scopes` of a good token, separated by spaces (default those that the server's challenge asks for)")
	flags.StringVar(&c.BroaderScope, "broader-scope", "", "`scope` that implies those of a good token, for A9")
	flags.StringVar(&c.Tool, "tool", "", "`name` of a tool that needs a further scope, for A8, T5 and X1")
	flags.StringVar(&c.ToolScope, "tool-scope", "", "the `scope` that the tool needs")
	flags.StringVar(&o.arguments, "tool-arguments", "{}", "valid arguments of the tool, a JSON `object`")
	flags.StringVar(&c.Revision, "revision", checks.Modern, "protocol `revision` to speak: "+checks.Modern+" or "+checks.Legacy)
	flags.StringVar(&c.ConnectTo, "connect-to", "", "`address` to connect to whatever host the URL names, host:port")
	flags.StringVar(&o.caFile, "ca-file", "", "PEM `file` of the authorities that the server's certificate may chain to (default the system's)")
	flags.StringVar(&o.only, "only", "", "`rows` or checks to run, separated by commas: A5,A13.dpop-bound (default all)")
	flags.DurationVar(&c.Wait, "wait", 0, "how `long` to wait for the server to accept a good token (default 30s)")
	flags.BoolVar(&o.json, "json", false, "write JSON in place of a table")
	flags.BoolVar(&o.list, "list", false, "list the checks and exit")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0))
	}
	return o, o.complete()
}

func (o *options) complete() error {
	if o.list {
		return nil
	}
	if o.config.URL == "" || o.issuerListen == "" {
		return errors.New("--url and --issuer-listen are required; see --help")
	}
	if o.scope != "" {
		o.config.Scopes = strings.Fields(o.scope)
	}
	if o.issuerURL == "" {
		o.issuerURL = "http://" + o.issuerListen
	}
	o.config.ToolArguments = json.RawMessage(o.arguments)
	if o.caFile == "" {
		return nil
	}
	pem, err := os.ReadFile(o.caFile)
	if err != nil {
		return fmt.Errorf("reading --ca-file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("--ca-file %s: no certificate in it", o.caFile)
	}
	o.config.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	return nil
}

// run serves the authorization server for as long as the checks run.
func (o *options) run(ctx context.Context, stderr io.Writer) (*checks.Report, error) {
	issuer, err := checks.NewIssuer(o.issuerURL)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", o.issuerListen)
	if err != nil {
		return nil, fmt.Errorf("opening the authorization server's listener: %w", err)
	}
	server := &http.Server{Handler: issuer, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	fmt.Fprintf(stderr, "authorization server %s listens on %s\n", issuer.Issuer(), listener.Addr())
	o.config.Issuer = issuer
	var names []string
	if o.only != "" {
		names = strings.Split(o.only, ",")
	}
	return checks.Run(ctx, o.config, names...)
}
