package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// throwAwayCertificate is for 127.0.0.1.
func throwAwayCertificate(t *testing.T) (certPEM, keyPEM string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	der, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	return string(pem.EncodeToMemory(&certificate)), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// address is where a started dev-issuer listens.
func address(t *testing.T, p *process) string {
	t.Helper()
	fields := strings.Fields(p.stderr.await(t, "listening"))
	return fields[len(fields)-1]
}

func fetchMetadata(t *testing.T, client *http.Client, base string) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var metadata map[string]any
	if err := json.NewDecoder(response.Body).Decode(&metadata); err != nil {
		t.Fatal(err)
	}
	return metadata
}

func TestTheDevelopmentIssuerSaysWhatItIsAndAnswersForItsPublicName(t *testing.T) {
	p := start(t, "dev-issuer", "--listen", "127.0.0.1:0", "--issuer", "https://auth.example.com", "--scopes", "a,b")
	p.stderr.await(t, "NOT FOR PRODUCTION")
	metadata := fetchMetadata(t, http.DefaultClient, "http://"+address(t, p))
	if metadata["issuer"] != "https://auth.example.com" || metadata["token_endpoint"] != "https://auth.example.com/token" {
		t.Errorf("metadata %v", metadata)
	}
	if scopes, _ := metadata["scopes_supported"].([]any); len(scopes) != 2 {
		t.Errorf("scopes_supported %v", metadata["scopes_supported"])
	}
	if code := p.interrupt(); code != 0 {
		t.Errorf("exit code %d after an interrupt:\n%s", code, p.stderr)
	}
}

func TestTheDevelopmentIssuerServesTLS(t *testing.T) {
	directory := t.TempDir()
	certPEM, keyPEM := throwAwayCertificate(t)
	certFile, keyFile := filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key")
	writeFile(t, certFile, certPEM)
	writeFile(t, keyFile, keyPEM)
	p := start(t, "dev-issuer", "--listen", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile, "--auto-approve", "alice")
	p.stderr.await(t, "every request is approved, for the subject alice")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(certPEM))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	base := "https://" + address(t, p)
	if metadata := fetchMetadata(t, client, base); metadata["issuer"] != base {
		t.Errorf("issuer %v; want %s", metadata["issuer"], base)
	}
}
