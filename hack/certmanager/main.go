// Certmanager is cert-manager's controller for the test cluster: its own
// packages, started by a few lines of ours.
//
// It exists because the program of cert-manager is a module of its own that no
// registry serves, while the packages that it consists of are to be had. What
// tests need of it is the real behaviour: Certificates, their requests and
// approval, the conditions and the renewals. Issuers are SelfSigned and CA,
// which need nothing outside of the cluster. There is no webhook: the schemas
// of the CRDs have to do. It is a fixture, not for production.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver" // each registers itself
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

const (
	workers = 2
	// firstBackoff is how long a request that failed waits for the next try: an
	// hour by default, which no test waits for.
	firstBackoff = 2 * time.Second
	lastBackoff  = 10 * time.Second
)

func main() {
	kubeconfig := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "how to reach the API server")
	namespace := flag.String("cluster-resource-namespace", "cert-manager", "namespace of the Secrets of ClusterIssuers")
	health := flag.String("health", "127.0.0.1:9403", "listen address of /healthz")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options(*kubeconfig, *namespace), *health); err != nil && ctx.Err() == nil {
		klog.ErrorS(err, "ending")
		os.Exit(1)
	}
}

func run(ctx context.Context, options controller.ContextOptions, health string) error {
	factory, err := controller.NewContextFactory(ctx, options)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	controllers := map[string]controller.Interface{}
	for _, name := range slices.Sorted(maps.Keys(controller.Known())) {
		if controllers[name], err = controller.Known()[name](factory); err != nil {
			return fmt.Errorf("setting up %s: %w", name, err)
		}
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	for name, c := range controllers {
		group.Go(func() error {
			if err := c.Run(workers, ctx); err != nil {
				return fmt.Errorf("running %s: %w", name, err)
			}
			return nil
		})
	}
	group.Go(func() error { return serveHealth(ctx, health, shared) })
	return group.Wait()
}

// serveHealth answers once the caches have filled.
func serveHealth(ctx context.Context, address string, shared *controller.Context) error {
	shared.SharedInformerFactory.WaitForCacheSync(ctx.Done())
	shared.KubeSharedInformerFactory.WaitForCacheSync(ctx.Done())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() }) //nolint:errcheck // the process ends
	klog.InfoS("started", "health", address)
	return fmt.Errorf("serving health: %w", server.ListenAndServe())
}

// options are those of cert-manager's own program, but for the backoff.
func options(kubeconfig, namespace string) controller.ContextOptions {
	return controller.ContextOptions{
		Kubeconfig:    kubeconfig,
		IssuerOptions: controller.IssuerOptions{ClusterResourceNamespace: namespace},
		IngressShimOptions: controller.IngressShimOptions{
			DefaultIssuerKind: cmapi.IssuerKind, DefaultIssuerGroup: "cert-manager.io",
		},
		CertificateOptions: controller.CertificateOptions{
			CertificateRequestMinimumBackoffDuration: firstBackoff,
			CertificateRequestMaximumBackoffDuration: lastBackoff,
		},
	}
}
