package serve

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
)

// report says what is served, or will be, and in what it differs from the
// manifest.
func report(w io.Writer, r *rendering, base, admin string, served bool) {
	if served {
		fmt.Fprintf(w, "serving %s, revision %s\n", r.config.Name, r.revision)
	} else {
		fmt.Fprintf(w, "will serve %s, revision %s, once what it waits for is there\n", r.config.Name, r.revision)
	}
	row(w, "endpoint", r.config.Resource)
	if metadata, err := render.ResourceMetadataURL(r.config.Resource); err == nil {
		row(w, "metadata", metadata)
	}
	row(w, "admin", admin+"/configz")
	if len(r.changes) > 0 {
		fmt.Fprintln(w, "\nnot as in the manifest:")
	}
	for _, c := range r.changes {
		row(w, c.field, fmt.Sprintf("%s instead of %s: %s", c.value, c.instead, c.why))
	}
	for _, hint := range hints(r, base) {
		fmt.Fprintf(w, "\n%s\n", hint)
	}
}

func row(w io.Writer, name, value string) { fmt.Fprintf(w, "  %-10s %s\n", name, value) }

// hints are about what will surprise a person who tries it out.
func hints(r *rendering, base string) []string {
	var out []string
	u, err := url.Parse(r.config.Resource)
	switch {
	case err != nil || "http://"+u.Host == base:
	case r.tls.CertFile != "":
		out = append(out, fmt.Sprintf("TLS is spoken, as exposure.tls says. To try it here: curl --connect-to ::%s %s", strings.TrimPrefix(base, "http://"), r.config.Resource))
	default:
		out = append(out, fmt.Sprintf("Requests are answered for the host %s only. To try it here: curl -H 'Host: %s' %s\nor give --resource %s", u.Host, u.Host, base+u.Path, base+u.Path))
	}
	for _, upstream := range r.config.Upstreams {
		if upstream.HTTP != nil && inCluster(upstream.HTTP.URL) {
			out = append(out, fmt.Sprintf("The upstream %s is at %s, a name inside a cluster. To point it elsewhere: --upstream %s=URL", upstream.Name, upstream.HTTP.URL, upstream.Name))
		}
	}
	return out
}

func inCluster(target string) bool {
	u, err := url.Parse(target)
	return err == nil && (strings.HasSuffix(u.Hostname(), ".svc") || strings.HasSuffix(u.Hostname(), ".svc.cluster.local"))
}

// reportIssuer prints what can be pasted.
func reportIssuer(w io.Writer, i *issuer, r *rendering) error {
	token, err := i.token()
	if err != nil {
		return err
	}
	if r.config.Tokens.DPoP == config.DPoPRequired {
		fmt.Fprintln(w, "\ntokens.dpop is Required: bearer tokens such as the one below are answered 401.")
	}
	fmt.Fprintf(w, `
The development authorization server at %s believes anyone. It is for this machine only.

List the tools, with a token that has every scope for an hour:
%s

Get a token with fewer scopes:
%s
`, i.Issuer(), listToolsCurl(r.config.Resource, token), getTokenCurl(i.Issuer(), r.config.Resource, r.fewerScopes()))
	return nil
}
