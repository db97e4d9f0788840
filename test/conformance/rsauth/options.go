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
	"github.com/securedmcp/operator/test/oauthtest"
)

type options struct {
	config       checks.Config
	issuerListen string
	issuerURL    string
	scope        string
	arguments    string
	clientID     string
	clientSecret string
	caFile       string
	only         string
	json         bool
	list         bool
}

const introduction = `rsauth tests the authorization of an MCP server from outside. It is the authorization server that the server
under test is configured to trust, sends good and bad tokens, and tells what is wrong about the answers.

  rsauth --url http://127.0.0.1:8080/mcp --issuer-listen 127.0.0.1:9000

Configure the server under test to trust the issuer http://127.0.0.1:9000 for tokens whose audience is its URL. Start both in
any order. Name a tool that needs a scope of its own (--tool, --tool-scope, --tool-arguments), or its checks are skipped.

Exit code: 0 when no MUST failed, 1 when one did, 2 when nothing could be tested: a wrong command line, a server that does
not answer, or one that refuses good tokens.

`

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("rsauth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, introduction)
		flags.PrintDefaults()
	}
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
	flags.StringVar(&c.LoginTool, "login-tool", "", "`name` of a tool that wants a strong or recent login (RFC 9470) and no arguments, for A15")
	flags.StringVar(&c.Origin, "origin", "", "`origin` of a client in a browser that the server allows, for T2")
	flags.IntVar(&c.RateLimit, "rate-limit", 0, "how many `requests` a caller may make at once, for X2")
	flags.StringVar(&c.Revision, "revision", checks.Modern, "protocol `revision` to speak: "+checks.Modern+" or "+checks.Legacy)
	flags.StringVar(&c.Tokens, "tokens", checks.TokensJWT, "`kind` of access tokens that the server is configured for: "+checks.TokensJWT+" or "+checks.TokensOpaque+" (RFC 7662)")
	flags.StringVar(&o.clientID, "introspection-client", "", "`client` by which the server authenticates at the introspection endpoint, for opaque tokens")
	flags.StringVar(&o.clientSecret, "introspection-secret", "", "`secret` of that client")
	flags.StringVar(&c.DPoP, "dpop", "", "what the server takes of DPoP (RFC 9449), a `word`: "+checks.DPoPOptional+" or "+checks.DPoPRequired+" (default nothing)")
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
	if (o.config.Tokens == checks.TokensOpaque) != (o.clientID != "") || (o.clientID == "") != (o.clientSecret == "") {
		return errors.New("--introspection-client and --introspection-secret are for --tokens opaque, which needs both; see --help")
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

// clients are those that the authorization server knows.
func (o *options) clients() []oauthtest.Client {
	if o.clientID == "" {
		return nil
	}
	return []oauthtest.Client{{ID: o.clientID, Secret: o.clientSecret}}
}

// run serves the authorization server for as long as the checks run.
func (o *options) run(ctx context.Context, stderr io.Writer) (*checks.Report, error) {
	issuer, err := checks.NewIssuer(o.issuerURL, o.clients()...)
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
