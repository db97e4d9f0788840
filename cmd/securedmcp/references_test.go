package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/certtest"
	"github.com/securedmcp/operator/test/oauthtest"
)

const hardened = "../../config/samples/hardened.yaml"

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

// opaqueOverTLS is a manifest that refers to Secrets: one of the introspection
// client, one of the pods' certificate.
func opaqueOverTLS(t *testing.T, issuer *oauthtest.Server, resource string) string {
	t.Helper()
	file := privateIssuer(t, issuer, resource)
	edit(t, file, func(s *v1alpha1.SecuredMCPServer) {
		s.Spec.Tokens = v1alpha1.Tokens{Type: v1alpha1.TokenTypeOpaque, Introspection: &v1alpha1.Introspection{
			ClientID: "mcp", ClientSecretRef: &v1alpha1.SecretKeyRef{Name: "mcp-client", Key: "secret"},
		}}
		s.Spec.Exposure.TLS = &v1alpha1.PodTLS{SecretName: "pod-tls", MinVersion: v1alpha1.TLSv13}
	})
	return file
}

func writeSecret(t *testing.T, dir, name, key string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, name, key), string(content))
}

func TestSecretsResolveFromTheSecretsDirectory(t *testing.T) {
	issuer := oauthtest.New(t, oauthtest.WithClient(oauthtest.Client{ID: "mcp", Secret: "s3cret"}))
	listen, secrets := freeAddress(t), t.TempDir()
	resource := "https://" + listen + "/billing"
	cert, key := certtest.New(t, "127.0.0.1")
	writeSecret(t, secrets, "mcp-client", "secret", []byte("s3cret\n"))
	writeSecret(t, secrets, "pod-tls", "tls.crt", cert)
	writeSecret(t, secrets, "pod-tls", "tls.key", key)
	file := opaqueOverTLS(t, issuer, resource)
	p := start(t, "serve", "-f", file, "--secrets-dir", secrets,
		"--upstream", "billing-api="+newBillingAPI(t).URL, "--listen", listen, "--admin-listen", "127.0.0.1:0")
	p.stdout.await(t, "Watching")

	token := issuer.Token(oauthtest.Claims{"aud": resource, "scope": "invoices:read"})
	list := "curl -sS --cacert " + filepath.Join(secrets, "pod-tls", "tls.crt") + " " + resource +
		" -H 'Authorization: Bearer " + token + "' -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{}'"
	wantAnswer(t, shell(t, callLine(list, "lookup_invoice")), "200", "open")
	if got := issuer.Count(oauthtest.EndpointIntrospect); got != 1 {
		t.Errorf("the issuer was asked %d times, want once", got)
	}

	// Pods would be replaced, which this command cannot do to itself.
	edit(t, file, func(s *v1alpha1.SecuredMCPServer) { s.Spec.Exposure.TLS = nil })
	p.stderr.await(t, "exposure.tls changed")
	p.stderr.await(t, "still serving")
}

func TestMissingSecretsAreNamed(t *testing.T) {
	issuer := oauthtest.New(t)
	file := opaqueOverTLS(t, issuer, "https://mcp.example.com/billing")
	serve := func(more ...string) string {
		got := securedmcp(t, "", append([]string{"serve", "-f", file, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, more...)...)
		if got.Code != 1 {
			t.Errorf("exit code %d, want 1", got.Code)
		}
		return got.Stderr
	}
	for line := range strings.Lines(serve()) {
		if !regexp.MustCompile(`^` + file + `:\d+:\d+: spec\.`).MatchString(line) {
			t.Errorf("%q does not say where in the file", line)
		}
	}
	want := `spec.tokens.introspection.clientSecretRef: nothing to read Secret "mcp-client" from; put the client secret in DIR/mcp-client/secret and give --secrets-dir DIR`
	if got := serve(); !strings.Contains(got, want) {
		t.Errorf("stderr %q, want %q", got, want)
	}
	secrets := t.TempDir()
	writeSecret(t, secrets, "mcp-client", "secret", []byte("s3cret"))
	want = filepath.Join(secrets, "pod-tls", "tls.crt")
	if got := serve("--secrets-dir", secrets); !strings.Contains(got, "spec.exposure.tls.secretName: ") || !strings.Contains(got, want) {
		t.Errorf("stderr %q, want it to name %s", got, want)
	}
	edit(t, file, func(s *v1alpha1.SecuredMCPServer) { s.Spec.Tokens = v1alpha1.Tokens{} })
	want = "put the certificate and its key in DIR/pod-tls/tls.crt and DIR/pod-tls/tls.key"
	if got := serve(); !strings.Contains(got, want) {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

// A person who tries a manifest out has neither its Secrets nor its issuer.
func TestAHardenedManifestRunsWithADevelopmentIssuer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hardened.yaml")
	writeFile(t, file, readFile(t, hardened))
	edit(t, file, func(s *v1alpha1.SecuredMCPServer) { s.Spec.RateLimit, s.Spec.Tokens.DPoPNonce = nil, "" })
	p := start(t, "serve", "-f", file, "--dev-issuer", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	p.stdout.await(t, "exposure.tls none instead of billing-hardened-tls: plain http is served here")
	p.stdout.await(t, "tokens.dpop is Required")
	p.stdout.await(t, "Watching")
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
