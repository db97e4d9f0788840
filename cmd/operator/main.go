// The operator command keeps the SecuredMCPServers of a cluster running.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/securedmcp/operator/controllers"
	"github.com/securedmcp/operator/controllers/app"
	"github.com/securedmcp/operator/controllers/render"
)

// version is set by the linker.
var version = "dev"

// loopbackPods is set by the linker, and for benchmarks alone: see
// app.Options.LoopbackPods. Anything but "" is yes.
var loopbackPods string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only restores signals
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var (
		o      = app.Options{LoopbackPods: loopbackPods != ""}
		level  slog.Level
		format = logFormat("json")
	)
	flags := flag.NewFlagSet("operator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.RuntimeImage, "runtime-image", app.DefaultRuntimeRepository+":"+version, "`image` of servers that name none")
	flags.BoolVar(&o.LeaderElect, "leader-elect", true, "have at most one of several replicas act")
	flags.StringVar(&o.LeaderElectionName, "leader-elect-name", app.DefaultLeaderElectionName, "`name` of the Lease; operators that share a namespace need different ones")
	flags.StringVar(&o.LeaderElectionNamespace, "leader-elect-namespace", "", "`namespace` of the Lease (default: the namespace of the pod)")
	flags.StringVar(&o.HealthProbeBindAddress, "health-probe-bind-address", app.DefaultHealthProbeBindAddress, "`address` of /healthz and /readyz; 0 is off")
	flags.StringVar(&o.MetricsBindAddress, "metrics-bind-address", app.DefaultMetricsBindAddress, "`address` of /metrics, over TLS and with the API server's authentication and authorization; 0 is off")
	flags.IntVar(&o.MaxConcurrentReconciles, "max-concurrent-reconciles", app.DefaultMaxConcurrentReconciles, "`number` of servers worked on at a time")
	flags.StringVar(&o.OperatorNamespace, "operator-namespace", "", "`namespace` that may ask the admin ports of servers (default: the namespace of the pod)")
	flags.Func("monitoring-namespaces", "`namespaces` that may read the metrics of servers, separated by commas", list(&o.MonitoringNamespaces))
	flags.StringVar(&o.ClusterDomain, "cluster-domain", render.DefaultClusterDomain, "`domain` of the names of Services")
	flags.Func("dns-namespaces", "`namespaces` of the DNS servers that pods with declared egress may ask, separated by commas (default: any address at port 53)", list(&o.DNSNamespaces))
	flags.Func("namespaces", "`namespaces` whose servers are worked on, separated by commas (default: all)", list(&o.Namespaces))
	flags.StringVar(&o.WatchLabelSelector, "watch-label-selector", "", "label `selector` of the servers that are worked on (default: all)")
	flags.BoolVar(&o.IssuerProbe, "issuer-probe", true, "ask the issuers of servers for their metadata and keys, and say in the condition IssuerDiscovered what is wrong with them")
	flags.Func("allowed-hosts", "`NAMESPACE=HOST,...` hosts that servers of a namespace may have; *.example.com is every host below, the namespace * is all of them; may be repeated (default: every host)", hosts(&o.Policy))
	flags.Func("allowed-image-prefixes", "`prefixes` that images of servers must have, separated by commas: registry.example.com/team allows itself and what follows it with /, : or @ (default: every image)", list(&o.Policy.AllowedImagePrefixes))
	flags.Func("allowed-ingress-annotations", "`names` of annotations that servers may put on their Ingress, separated by commas; example.com/* is every name below, * is every name (default: every name, or some harmless ones with --allowed-hosts)", names(&o.Policy.AllowedIngressAnnotations))
	flags.Func("allowed-pod-annotations", "`names` of annotations that servers may put on their pods (default: every name, or none with --allowed-hosts)", names(&o.Policy.AllowedPodAnnotations))
	flags.Func("allowed-pod-labels", "`names` of labels that servers may put on their pods (default: every name, or none with --allowed-hosts)", names(&o.Policy.AllowedPodLabels))
	flags.TextVar(&level, "log-level", slog.LevelInfo, "least `level` that is logged: DEBUG, INFO, WARN or ERROR")
	flags.Var(&format, "log-format", "`format` of logs: json or text")
	config.RegisterFlags(flags)
	showVersion := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if *showVersion {
		fmt.Fprintln(stdout, version)
		return nil
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0))
	}
	o.Logger = format.logger(stdout, level)
	if err := o.Validate(); err != nil {
		return err
	}
	cluster, err := config.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	return app.Run(ctx, cluster, o)
}

// list adds the elements of a list with commas to to.
func list(to *[]string) func(string) error {
	return func(value string) error {
		for element := range strings.SplitSeq(value, ",") {
			if element = strings.TrimSpace(element); element != "" {
				*to = append(*to, element)
			}
		}
		return nil
	}
}

// names is list, and tells a list that is empty from one that is not given.
func names(to *[]string) func(string) error {
	return func(value string) error {
		if *to == nil {
			*to = []string{}
		}
		return list(to)(value)
	}
}

// hosts adds NAMESPACE=HOST,... to a policy. A namespace without hosts may have
// none.
func hosts(to *controllers.Policy) func(string) error {
	return func(value string) error {
		namespace, patterns, ok := strings.Cut(value, "=")
		if !ok || namespace == "" {
			return errors.New("want NAMESPACE=HOST,..., for example billing=mcp.example.com,*.billing.example.com")
		}
		if to.AllowedHosts == nil {
			to.AllowedHosts = map[string][]string{}
		}
		all := to.AllowedHosts[namespace]
		err := list(&all)(patterns)
		to.AllowedHosts[namespace] = all
		return err
	}
}

// logFormat is json or text.
type logFormat string

func (f *logFormat) String() string { return string(*f) }

func (f *logFormat) Set(s string) error {
	if s != "json" && s != "text" {
		return fmt.Errorf("%q: want json or text", s)
	}
	*f = logFormat(s)
	return nil
}

func (f *logFormat) logger(w io.Writer, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if *f == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
