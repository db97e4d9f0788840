package app

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/securedmcp/operator/runtime/internal/live"
)

// ConfigStatus is the answer of GET /configz on the admin listener.
type ConfigStatus struct {
	// Revision that is enforced, "" before the first.
	Revision string `json:"revision"`
	// LoadedAt is since when.
	LoadedAt time.Time `json:"loadedAt"`
	// Error is why a newer configuration is not enforced, "" otherwise.
	Error string `json:"error"`
}

// adminRoutes serves those who run the server: the kubelet, the operator and
// the monitoring.
func adminRoutes(l *live.Live, registry *prometheus.Registry, draining *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if draining.Load() || !l.Ready() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /configz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(configStatus(l.Status()))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

func configStatus(s live.Status) ConfigStatus {
	c := ConfigStatus{Revision: s.Revision, LoadedAt: s.LoadedAt.UTC()}
	if s.Err != nil {
		c.Error = s.Err.Error()
	}
	return c
}
