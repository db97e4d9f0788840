package app

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/live"
	"github.com/securedmcp/operator/runtime/internal/telemetry"
)

// loadInProcess returns what the public listener of a runtime with c serves, to
// be called without the network.
func loadInProcess(t testing.TB, c *config.RuntimeConfig, o Options) http.Handler {
	t.Helper()
	raw, err := config.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	o.ConfigFile = filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(o.ConfigFile, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	metrics := telemetry.New(prometheus.NewRegistry())
	b := &builder{options: o, metrics: metrics, keys: newKeyPool(metrics, o.Logger, time.Now), floor: new(tlsFloor)}
	served := live.New(b.read, b.build)
	t.Cleanup(served.Close)
	if _, err := served.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	return served
}
