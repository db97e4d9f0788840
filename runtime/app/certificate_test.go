package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/test/oauthtest"
)

// writeCertificate writes a certificate for localhost with the serial number
// and returns its pool.
func writeCertificate(t *testing.T, files TLS, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, raw := range map[string][]byte{files.CertFile: cert, files.KeyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: rawKey})} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

func certificateFiles(t *testing.T) TLS {
	t.Helper()
	dir := t.TempDir()
	return TLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
}

func TestARenewedCertificateIsServed(t *testing.T) {
	files := certificateFiles(t)
	writeCertificate(t, files, 1)
	var log bytes.Buffer
	c := &certificate{files: files, logger: slog.New(slog.NewTextHandler(&log, nil))}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		c.checked = time.Time{} // as if ten seconds had passed
		got, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Leaf.SerialNumber.Int64()
	}
	writeCertificate(t, files, 2)
	changeTime(t, files.CertFile, 1)
	if got := serial(); got != 2 {
		t.Errorf("serial %d, want the renewed 2", got)
	}
	if err := os.WriteFile(files.KeyFile, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	changeTime(t, files.KeyFile, 2)
	if got := serial(); got != 2 || !strings.Contains(log.String(), "not renewed") {
		t.Errorf("serial %d with a broken key, want the old 2; log %q", got, &log)
	}
}

func changeTime(t *testing.T, path string, seconds int) {
	t.Helper()
	at := time.Now().Add(time.Duration(seconds) * time.Second)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestTLSOptionsThatAreRefused(t *testing.T) {
	good := certificateFiles(t)
	writeCertificate(t, good, 1)
	for name, o := range map[string]TLS{
		"no key":             {CertFile: good.CertFile},
		"no certificate":     {KeyFile: good.KeyFile},
		"a missing file":     {CertFile: good.CertFile + "x", KeyFile: good.KeyFile},
		"an unknown version": {CertFile: good.CertFile, KeyFile: good.KeyFile, MinVersion: "1.1"},
	} {
		if _, err := o.config(slog.Default()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPublicListenerWithTLS(t *testing.T) {
	files := certificateFiles(t)
	files.MinVersion = "1.3"
	pool := writeCertificate(t, files, 1)
	issuer := oauthtest.New(t)
	raw, err := config.Encode(&config.RuntimeConfig{Name: "x", Resource: "https://localhost", Issuer: issuer.Issuer(), Audience: "x"})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	server, err := Start(ctx, Options{ConfigFile: file, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", TLS: files, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop()
		_ = server.Wait()
	}()
	get := func(c *tls.Config) (*http.Response, error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+server.Addr().String()+metadataPrefix, nil)
		if err != nil {
			return nil, err
		}
		req.Host = "localhost"
		return client.Do(req)
	}
	for limit := time.Now().Add(10 * time.Second); !server.live.Ready() && time.Now().Before(limit); {
		time.Sleep(time.Millisecond) // readiness has no channel
	}
	resp, err := get(&tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("status %d over %s: %s", resp.StatusCode, resp.Proto, body)
	}
	if resp, err := get(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}); err == nil {
		resp.Body.Close()
		t.Error("TLS 1.2 was spoken with a minimum of 1.3")
	}
}
