package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
)

// Defaults of Options.
const (
	DefaultHealthProbeBindAddress = ":8081"
	// DefaultMetricsBindAddress turns metrics off.
	DefaultMetricsBindAddress      = "0"
	DefaultMaxConcurrentReconciles = 4
	// DefaultRuntimeRepository is the runtime image without its tag, which is
	// the operator's own version.
	DefaultRuntimeRepository = "ghcr.io/securedmcp/runtime"
)

// LeaderElectionID is the name of the Lease that the replicas of the operator
// compete for, in the operator's namespace.
const LeaderElectionID = "operator.securedmcp.dev"

// Options are what a person decides about an operator.
type Options struct {
	// RuntimeImage runs the servers that name no image.
	RuntimeImage string
	// LeaderElect has at most one of several replicas act at any time.
	LeaderElect bool
	// LeaderElectionNamespace holds the Lease. Empty is the namespace of the
	// pod that this runs in; outside of a pod it is required.
	LeaderElectionNamespace string
	// HealthProbeBindAddress serves /healthz and /readyz.
	HealthProbeBindAddress string
	// MetricsBindAddress serves /metrics over TLS to whom the API server
	// authenticates and authorizes. "0" is off.
	MetricsBindAddress string
	// MaxConcurrentReconciles is how many servers are worked on at a time.
	MaxConcurrentReconciles int
	// Logger gets everything that is logged, by libraries too.
	Logger *slog.Logger
}

// Validate says what is wrong with o and what is allowed.
func (o *Options) Validate() error {
	var errs []error
	if o.RuntimeImage == "" || strings.ContainsAny(o.RuntimeImage, " \t\n") {
		errs = append(errs, fmt.Errorf("--runtime-image %q: want an image reference, for example %s:1.0.0", o.RuntimeImage, DefaultRuntimeRepository))
	}
	if o.MaxConcurrentReconciles < 1 {
		errs = append(errs, fmt.Errorf("--max-concurrent-reconciles %d: want 1 or more", o.MaxConcurrentReconciles))
	}
	errs = append(errs, checkAddress("--health-probe-bind-address", o.HealthProbeBindAddress), checkAddress("--metrics-bind-address", o.MetricsBindAddress))
	if o.Logger == nil {
		errs = append(errs, errors.New("no logger"))
	}
	return errors.Join(errs...)
}

func checkAddress(flag, address string) error {
	if address == "0" {
		return nil
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("%s %q: want HOST:PORT, :PORT, or 0 for none", flag, address)
	}
	return nil
}
