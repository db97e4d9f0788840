package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkCertificate is how often the files are looked at for a renewal.
const checkCertificate = 10 * time.Second

// TLS says how the public listener serves TLS. The zero value serves none.
type TLS struct {
	// CertFile and KeyFile are PEM files, as a Secret of type kubernetes.io/tls
	// has them. They are read again when they change.
	CertFile, KeyFile string
}

func (t *TLS) enabled() bool { return t.CertFile != "" || t.KeyFile != "" }

// config returns nil where TLS is not asked for.
func (t *TLS) config(floor *tlsFloor, logger *slog.Logger) (*tls.Config, error) {
	if !t.enabled() {
		return nil, nil
	}
	if t.CertFile == "" || t.KeyFile == "" {
		return nil, errors.New("TLS needs both a certificate and a key file")
	}
	c := &certificate{files: *t, logger: logger}
	if err := c.load(); err != nil {
		return nil, err
	}
	base := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
	base.GetConfigForClient = floor.configs(base)
	return base, nil
}

// certificate is the one that is served now.
type certificate struct {
	files  TLS
	logger *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]time.Time // when the files were changed last
	checked time.Time
}

// get returns the newest good certificate. A renewal that cannot be read leaves
// the old one in use.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) >= checkCertificate {
		c.checked = time.Now()
		if stamp, err := c.stat(); err != nil || stamp != c.stamp {
			if err := c.loadLocked(); err != nil {
				c.logger.Error("certificate not renewed; the old one stays in use", "error", err)
			}
		}
	}
	return c.current, nil
}

func (c *certificate) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked = time.Now()
	return c.loadLocked()
}

func (c *certificate) loadLocked() error {
	// Stamped before reading: a change in between is seen the next time.
	stamp, err := c.stat()
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	c.current, c.stamp = &pair, stamp
	return nil
}

func (c *certificate) stat() (stamp [2]time.Time, err error) {
	for i, path := range []string{c.files.CertFile, c.files.KeyFile} {
		info, err := os.Stat(path)
		if err != nil {
			return stamp, err
		}
		stamp[i] = info.ModTime()
	}
	return stamp, nil
}
