package app

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/controllers/render"
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
	// DefaultLeaderElectionName is that of an operator which has the cluster, or
	// its namespace at least, for itself.
	DefaultLeaderElectionName = "securedmcp-operator"
)

// Options are what a person decides about an operator.
type Options struct {
	// RuntimeImage runs the servers that name no image.
	RuntimeImage string
	// LeaderElect has at most one of several replicas act at any time.
	LeaderElect bool
	// LeaderElectionName is the Lease that the replicas compete for. Operators
	// that share a namespace need different ones, or all but one of them wait.
	// Empty is DefaultLeaderElectionName.
	LeaderElectionName string
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
	// OperatorNamespace is where the operator's pods are: servers let their
	// admin port be reached from there. Empty is the namespace of the pod that
	// this runs in, and outside of a pod none.
	OperatorNamespace string
	// MonitoringNamespaces may read the metrics of servers.
	MonitoringNamespaces []string
	// ClusterDomain is how names of Services end. Empty is cluster.local.
	ClusterDomain string
	// DNSNamespaces are where pods with declared egress may ask for names. Empty
	// is any address at port 53.
	DNSNamespaces []string
	// Namespaces are those whose servers are worked on. Empty is all of them,
	// which needs rights on the whole cluster.
	Namespaces []string
	// WatchLabelSelector selects the servers that are worked on by their
	// labels, so that several operators can share a cluster. Empty is all.
	WatchLabelSelector string
	// IssuerProbe has the operator ask the issuers of servers for their metadata
	// and keys, and say in IssuerDiscovered what is wrong with them.
	IssuerProbe bool
	// Policy bounds what servers may ask for.
	Policy controllers.Policy
	// LoopbackPods has pods asked at loopback addresses, which no real pod has. It
	// is for tests, whose pods are listeners of the same machine.
	LoopbackPods bool
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
	if name := o.leaderElectionName(); len(validation.IsDNS1123Subdomain(name)) > 0 {
		errs = append(errs, fmt.Errorf("--leader-elect-name %q: want a name of a Lease, for example %s", name, DefaultLeaderElectionName))
	}
	errs = append(errs, o.checkScope()...)
	errs = append(errs, o.checkPolicy()...)
	errs = append(errs, checkAddress("--health-probe-bind-address", o.HealthProbeBindAddress), checkAddress("--metrics-bind-address", o.MetricsBindAddress))
	if o.Logger == nil {
		errs = append(errs, errors.New("no logger"))
	}
	return errors.Join(errs...)
}

func (o *Options) leaderElectionName() string {
	return cmp.Or(o.LeaderElectionName, DefaultLeaderElectionName)
}

func (o *Options) checkScope() []error {
	var errs []error
	for flag, names := range map[string][]string{
		"--operator-namespace":    {cmp.Or(o.OperatorNamespace, "default")},
		"--monitoring-namespaces": o.MonitoringNamespaces,
		"--dns-namespaces":        o.DNSNamespaces,
		"--namespaces":            o.Namespaces,
	} {
		for _, name := range names {
			if len(validation.IsDNS1123Label(name)) > 0 {
				errs = append(errs, fmt.Errorf("%s %q: want names of namespaces, separated by commas", flag, name))
			}
		}
	}
	if domain := cmp.Or(o.ClusterDomain, render.DefaultClusterDomain); len(validation.IsDNS1123Subdomain(domain)) > 0 {
		errs = append(errs, fmt.Errorf("--cluster-domain %q: want a domain, for example %s", domain, render.DefaultClusterDomain))
	}
	if _, err := labels.Parse(o.WatchLabelSelector); err != nil {
		errs = append(errs, fmt.Errorf("--watch-label-selector %q: want a label selector, for example team=billing: %w", o.WatchLabelSelector, err))
	}
	return errs
}

func (o *Options) checkPolicy() []error {
	var errs []error
	for namespace, patterns := range o.Policy.AllowedHosts {
		if namespace != controllers.AnyNamespace && len(validation.IsDNS1123Label(namespace)) > 0 {
			errs = append(errs, fmt.Errorf("--allowed-hosts %q: want the name of a namespace, or %s for all of them", namespace, controllers.AnyNamespace))
		}
		for _, pattern := range patterns {
			host := strings.TrimPrefix(pattern, "*.")
			if pattern != "*" && len(validation.IsDNS1123Subdomain(strings.ToLower(host))) > 0 {
				errs = append(errs, fmt.Errorf("--allowed-hosts %s=%q: want a host name, *. and a domain for every host below it, or * for every host", namespace, pattern))
			}
		}
	}
	for _, prefix := range o.Policy.AllowedImagePrefixes {
		if !strings.Contains(prefix, "/") || strings.ContainsAny(prefix, " \t\n") {
			errs = append(errs, fmt.Errorf("--allowed-image-prefixes %q: want prefixes with a slash, for example registry.example.com/mcp/: a name alone is a registry to some and a team of the default registry to others", prefix))
		}
	}
	for flag, patterns := range map[string][]string{
		"--allowed-ingress-annotations": o.Policy.AllowedIngressAnnotations,
		"--allowed-pod-annotations":     o.Policy.AllowedPodAnnotations,
		"--allowed-pod-labels":          o.Policy.AllowedPodLabels,
	} {
		for _, pattern := range patterns {
			if !isNamePattern(pattern) {
				errs = append(errs, fmt.Errorf("%s %q: want a name, for example example.com/team, or what names begin with and *, with a slash, for example example.com/*, or * for every name", flag, pattern))
			}
		}
	}
	return errs
}

// isNamePattern wants a slash before *: without one, another domain's names could
// begin alike.
func isNamePattern(pattern string) bool {
	if pattern == controllers.AnyName {
		return true
	}
	name, many := strings.CutSuffix(pattern, "*")
	if many {
		name += "x" // the least that * stands for
	}
	return len(validation.IsQualifiedName(name)) == 0 && (!many || strings.Contains(name, "/"))
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
