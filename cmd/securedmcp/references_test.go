package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
)

// freeAddress is one that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// privateIssuer writes a manifest whose issuer has a private certificate
// authority, and serves it with more arguments.
func privateIssuer(t *testing.T, issuer *oauthtest.Server, resource string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "billing-tools.yaml")
	writeFile(t, file, readFile(t, sample))
	edit(t, file, func(s *v1alpha1.SecuredMCPServer) {
		s.Spec.Issuer, s.Spec.Resource, s.Spec.Audience = issuer.Issuer(), resource, ""
		s.Spec.Tokens.CABundleRef = &v1alpha1.ConfigMapKeyRef{Name: "issuer-ca"} // the key has a default
		s.Spec.Exposure = v1alpha1.Exposure{}
	})
	return file
}

func TestReferencesResolveFromTheSecretsDirectory(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithTLS())
	listen := freeAddress(t)
	resource := "http://" + listen + "/billing"
	secrets := t.TempDir()
	if err := os.Mkdir(filepath.Join(secrets, "issuer-ca"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(secrets, "issuer-ca", "ca.crt"), string(issuer.CAPEM()))
	p := start(t, "serve", "-f", privateIssuer(t, issuer, resource), "--secrets-dir", secrets,
		"--upstream", "billing-api="+newBillingAPI(t).URL, "--listen", listen, "--admin-listen", "127.0.0.1:0")
	p.stdout.await(t, "Watching")

	token := issuer.Token(oauthtest.Claims{"aud": resource, "scope": "invoices:read"})
	list := "curl -sS " + resource + " -H 'Authorization: Bearer " + token + "' -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{}'"
	wantAnswer(t, shell(t, callLine(list, "lookup_invoice")), "200", "open")
	if strings.Contains(p.stdout.String(), "instead of https://") {
		t.Errorf("something of the manifest was replaced that nobody asked for:\n%s", p.stdout)
	}
}

func TestAMissingReferenceIsNamed(t *testing.T) {
	issuer := oauthtest.New(t)
	file := privateIssuer(t, issuer, "https://mcp.example.com/billing")
	anywhere := []string{"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	got := securedmcp(t, "", append([]string{"serve", "-f", file}, anywhere...)...)
	if got.Code != 1 || !strings.Contains(got.Stderr, "DIR/issuer-ca/ca.crt") || !strings.Contains(got.Stderr, "--secrets-dir DIR") {
		t.Errorf("exit code %d, stderr %q; want it to say where the file belongs", got.Code, got.Stderr)
	}
	empty := t.TempDir()
	got = securedmcp(t, "", append([]string{"serve", "-f", file, "--secrets-dir", empty}, anywhere...)...)
	if want := filepath.Join(empty, "issuer-ca", "ca.crt"); got.Code != 1 || !strings.Contains(got.Stderr, want) {
		t.Errorf("exit code %d, stderr %q; want it to name %s", got.Code, got.Stderr, want)
	}
}

func TestWithoutADevelopmentIssuerThePersonLearnsHowToReachIt(t *testing.T) {
	issuer := oauthtest.New(t)
	file := filepath.Join(t.TempDir(), "billing-tools.yaml")
	writeFile(t, file, readFile(t, sample))
	edit(t, file, func(s *v1alpha1.SecuredMCPServer) {
		s.Spec.Issuer, s.Spec.Tokens = issuer.Issuer(), v1alpha1.Tokens{}
	})
	p := start(t, "serve", "-f", file, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	p.stdout.await(t, "curl -H 'Host: mcp.example.com'")
	p.stdout.await(t, "--resource http://127.0.0.1:")
	p.stdout.await(t, "--upstream billing-api=URL")
}
