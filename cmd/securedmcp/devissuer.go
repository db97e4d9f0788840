package main

import (
	"github.com/spf13/cobra"

	"github.com/securedmcp/operator/cmd/securedmcp/internal/devissuer"
)

func newDevIssuer(s streams) *cobra.Command {
	o := devissuer.Options{Stderr: s.err}
	cmd := &cobra.Command{
		Use:   "dev-issuer",
		Short: "Run a development authorization server; never for production",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return devissuer.Run(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:9000", "`address` to listen on")
	flags.StringVar(&o.Issuer, "issuer", "", "`URL` that clients reach it by; default: the address it listens on")
	flags.StringVar(&o.TLS.CertFile, "tls-cert", "", "PEM `file` of the certificate to serve https with")
	flags.StringVar(&o.TLS.KeyFile, "tls-key", "", "PEM `file` of the certificate's key")
	flags.StringVar(&o.Audience, "audience", "", "`aud` of tokens for which no resource was asked")
	flags.StringSliceVar(&o.Scopes, "scopes", nil, "comma-separated `scopes` to advertise")
	flags.StringVar(&o.AutoApprove, "auto-approve", "", "approve every request for this `subject`, without a page")
	flags.StringSliceVar(&o.Subjects, "subjects", nil, "comma-separated `subjects` to offer on the page")
	return cmd
}
