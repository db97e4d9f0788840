package app

import (
	"crypto/tls"
	"net/http"
	"sync/atomic"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// tlsFloor is the least version of TLS that the configuration in force lets
// clients speak. The zero value is TLS 1.2.
type tlsFloor struct{ version atomic.Uint32 }

func (f *tlsFloor) set(c *config.TLS) {
	version := uint32(tls.VersionTLS12)
	if c != nil && c.MinVersion == config.TLS13 {
		version = tls.VersionTLS13
	}
	f.version.Store(version)
}

// configs returns what has every handshake follow the floor.
func (f *tlsFloor) configs(base *tls.Config) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	strict := base.Clone()
	strict.MinVersion = tls.VersionTLS13
	return func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if f.version.Load() >= tls.VersionTLS13 {
			return strict, nil
		}
		return nil, nil // base
	}
}

// refuseBelow refuses requests on connections from before the floor was raised,
// and has their connection closed. A client repeats what is misdirected on a
// connection of its own (RFC 9110 section 15.5.20).
func (f *tlsFloor) refuseBelow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && uint32(r.TLS.Version) < f.version.Load() {
			w.Header().Set("Connection", "close")
			http.Error(w, http.StatusText(http.StatusMisdirectedRequest), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
