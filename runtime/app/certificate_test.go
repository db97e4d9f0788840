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
		"no key":         {CertFile: good.CertFile},
		"no certificate": {KeyFile: good.KeyFile},
		"a missing file": {CertFile: good.CertFile + "x", KeyFile: good.KeyFile},
	} {
		if _, err := o.config(new(tlsFloor), slog.Default()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// overTLS is a runtime that speaks TLS, with what a client needs to speak to it.
type overTLS struct {
	t      *testing.T
	file   string
	pool   *x509.CertPool
	issuer string
	server *Server
}

func startOverTLS(t *testing.T, minVersion string) *overTLS {
	t.Helper()
	files := certificateFiles(t)
	o := &overTLS{t: t, file: filepath.Join(t.TempDir(), "config.json"), pool: writeCertificate(t, files, 1), issuer: oauthtest.New(t).Issuer()}
	o.configure(minVersion)
	ctx, stop := context.WithCancel(t.Context())
	server, err := Start(ctx, Options{ConfigFile: o.file, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", TLS: files, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = server.Wait()
	})
	o.server = server
	o.eventually("the runtime is ready", server.live.Ready)
	return o
}

// configure writes the configuration and returns its revision.
func (o *overTLS) configure(minVersion string) string {
	o.t.Helper()
	raw, err := config.Encode(&config.RuntimeConfig{
		Name: "x", Resource: "https://localhost", Issuer: o.issuer, Audience: "x", TLS: &config.TLS{MinVersion: minVersion},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(o.file+".new", raw, 0o600); err != nil {
		o.t.Fatal(err)
	}
	if err := os.Rename(o.file+".new", o.file); err != nil {
		o.t.Fatal(err)
	}
	return config.Revision(raw)
}

func (o *overTLS) eventually(what string, holds func() bool) {
	o.t.Helper()
	for limit := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			o.t.Fatalf("in vain: %s", what)
		}
	}
}

// client speaks at most the version, and keeps its connection.
func (o *overTLS) client(most uint16) *http.Client {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.pool, MaxVersion: most}, ForceAttemptHTTP2: true}}
	o.t.Cleanup(client.CloseIdleConnections)
	return client
}

// get asks for the metadata; status is 0 if there is no answer.
func (o *overTLS) get(client *http.Client) (status, protocol int) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, "https://"+o.server.Addr().String()+metadataPrefix, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	req.Host = "localhost"
	resp, err := client.Do(req)
	if err != nil {
		return 0, 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.ProtoMajor
}

func TestPublicListenerWithTLS(t *testing.T) {
	o := startOverTLS(t, config.TLS13)
	if status, protocol := o.get(o.client(0)); status != http.StatusOK || protocol != 2 {
		t.Errorf("status %d over HTTP/%d, want 200 over HTTP/2", status, protocol)
	}
	if status, _ := o.get(o.client(tls.VersionTLS12)); status != 0 {
		t.Errorf("status %d over TLS 1.2 with a minimum of 1.3", status)
	}
}

// The revision that a runtime says it enforces includes the least version of TLS,
// so it must be enforced when that is said: on open connections too.
func TestALeastVersionOfTLSIsFollowedByARunningListener(t *testing.T) {
	o := startOverTLS(t, config.TLS12)
	open := o.client(tls.VersionTLS12)
	if status, _ := o.get(open); status != http.StatusOK {
		t.Fatalf("status %d over TLS 1.2 with a minimum of 1.2", status)
	}
	revision := o.configure(config.TLS13)
	o.eventually("the new minimum is enforced", func() bool { return o.server.live.Status().Revision == revision })
	if status, _ := o.get(open); status != http.StatusMisdirectedRequest {
		t.Errorf("status %d on a connection of TLS 1.2 from before, want 421", status)
	}
	if status, _ := o.get(o.client(tls.VersionTLS12)); status != 0 {
		t.Errorf("status %d over TLS 1.2 with a minimum of 1.3", status)
	}
	if status, _ := o.get(o.client(tls.VersionTLS13)); status != http.StatusOK {
		t.Errorf("status %d over TLS 1.3", status)
	}
}
