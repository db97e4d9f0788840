package ingress

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOnlyAUsableSecretIsServed(t *testing.T) {
	cert, key := certFor(t, "mcp.example.com", "*.wild.example.com")
	_, otherKey := certFor(t, "mcp.example.com")
	for name, tc := range map[string]struct {
		cert, key []byte
		host      string
		own       bool
	}{
		"matching host":             {cert, key, "mcp.example.com", true},
		"matching wildcard":         {cert, key, "*.wild.example.com", true},
		"host below a wildcard":     {cert, key, "a.wild.example.com", true},
		"catch-all takes any":       {cert, key, "", true},
		"another host":              {cert, key, "auth.example.com", false},
		"key of another":            {cert, otherKey, "mcp.example.com", false},
		"no key":                    {cert, nil, "mcp.example.com", false},
		"not PEM":                   {[]byte("x"), []byte("y"), "mcp.example.com", false},
		"both in one file, swapped": {key, cert, "mcp.example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			store := newCertStore(mustSelfSigned(t))
			file := store.forHost(secretOf(tc.cert, tc.key), tc.host)
			if own := file != store.fallback(); own != tc.own {
				t.Errorf("own certificate: %v, want %v", own, tc.own)
			}
			if _, err := tls.X509KeyPair(store.files[file], store.files[file]); err != nil {
				t.Errorf("file %s is no certificate with key: %v", file, err)
			}
		})
	}
}

func TestRenewedSecretChangesTheFileName(t *testing.T) {
	store := newCertStore(mustSelfSigned(t))
	before := store.forHost(secretOf(certFor(t, "a.example.com")), "a.example.com")
	after := store.forHost(secretOf(certFor(t, "a.example.com")), "a.example.com")
	if before == after || !strings.HasPrefix(after, "web-good-") {
		t.Errorf("names %s and %s", before, after)
	}
}

func TestMissingSecretFallsBack(t *testing.T) {
	store := newCertStore(mustSelfSigned(t))
	if got := store.forHost(nil, "a.example.com"); got != store.fallback() {
		t.Errorf("got %s", got)
	}
}

func secretOf(cert, key []byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "good"},
		Data:       map[string][]byte{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: key},
	}
}

func mustSelfSigned(t *testing.T) []byte {
	t.Helper()
	raw, err := selfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func certFor(t *testing.T, hosts ...string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: hosts, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	var c, k bytes.Buffer
	_ = pem.Encode(&c, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	_ = pem.Encode(&k, &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	return c.Bytes(), k.Bytes()
}
