package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/securedmcp/operator/cmd/securedmcp/internal/serve"
)

func newServe(s streams) *cobra.Command {
	o := serve.Options{Version: version, Stdin: s.in, Stdout: s.out, Stderr: s.err}
	var upstreams []string
	cmd := &cobra.Command{
		Use:   "serve -f FILE",
		Short: "Run a manifest on this machine, following its edits",
		Example: `  securedmcp serve -f billing-tools.yaml --dev-issuer 127.0.0.1:9000 \
    --upstream billing-api=http://127.0.0.1:8081`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.File == "" {
				return fmt.Errorf("%w: -f FILE is required", errUsage)
			}
			var err error
			if o.Upstreams, err = parseUpstreams(upstreams); err != nil {
				return err
			}
			return serve.Run(cmd.Context(), o)
		},
	}
	manifestFlags(cmd, &o.File, &o.Name)
	flags := cmd.Flags()
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "`address` of the MCP endpoint and its metadata; port 0 is any free one")
	flags.StringVar(&o.AdminListen, "admin-listen", "127.0.0.1:9090", "`address` of /healthz /readyz /metrics /configz; port 0 is any free one")
	flags.StringVar(&o.DevIssuer, "dev-issuer", "", "loopback `address` of a development authorization server to start beside it, in place of spec.issuer; it gives anyone any token")
	flags.StringVar(&o.Resource, "resource", "", "`URL` in place of spec.resource; with --dev-issuer it is where the command listens unless given")
	flags.StringArrayVar(&upstreams, "upstream", nil, "`NAME=URL`: use URL in place of the upstream's; repeatable")
	flags.StringVar(&o.SecretsDir, "secrets-dir", "", "`directory` with what the manifest refers to, as NAME/KEY")
	return cmd
}

func parseUpstreams(pairs []string) (map[string]string, error) {
	upstreams := map[string]string{}
	for _, pair := range pairs {
		name, url, ok := strings.Cut(pair, "=")
		if !ok || name == "" || url == "" {
			return nil, fmt.Errorf("%w: --upstream %q: want NAME=URL, for example billing-api=http://127.0.0.1:8081", errUsage, pair)
		}
		if _, twice := upstreams[name]; twice {
			return nil, fmt.Errorf("%w: --upstream %s is given twice", errUsage, name)
		}
		upstreams[name] = url
	}
	return upstreams, nil
}
