package ingress

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// certStore collects the certificate files that a configuration names. A file's name holds the digest of its content,
// so a renewed Secret changes the configuration's text, and that is what leads to a reload.
type certStore struct {
	files       map[string][]byte
	defaultName string
}

func newCertStore(fallback []byte) *certStore {
	s := &certStore{files: map[string][]byte{}}
	s.defaultName = s.add("default", fallback)
	return s
}

func (s *certStore) fallback() string { return s.defaultName }

// forHost gives the Secret's certificate if it is usable for the host, else the fallback, as ingress-nginx does:
// a client then sees a certificate error, not a refused connection.
func (s *certStore) forHost(secret *corev1.Secret, host string) string {
	if secret == nil {
		return s.defaultName
	}
	cert, key := secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return s.defaultName
	}
	if host != "" && pair.Leaf.VerifyHostname(strings.Replace(host, "*", "any", 1)) != nil {
		return s.defaultName
	}
	return s.add(secret.Namespace+"-"+secret.Name, bytes.Join([][]byte{bytes.TrimSpace(cert), bytes.TrimSpace(key), nil}, []byte("\n")))
}

func (s *certStore) add(name string, content []byte) string {
	sum := sha256.Sum256(content)
	file := name + "-" + hex.EncodeToString(sum[:6]) + ".pem"
	s.files[file] = content
	return file
}

// selfSigned makes the certificate for hosts that have none of their own.
func selfSigned(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	const name = "ingress.local"
	template := x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{Organization: []string{"SecuredMCP test cluster"}, CommonName: "Ingress Controller Fake Certificate"},
		DNSNames:     []string{name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the fallback certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...,
	), nil
}
