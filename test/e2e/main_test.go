//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/console"
	"github.com/securedmcp/operator/hack/demo/fixture"
	"github.com/securedmcp/operator/test/oauthtest"
)

const (
	domain          = "example.com"
	issuerHost      = "issuer-e2e." + domain
	issuerURL       = "https://" + issuerHost
	sharedNamespace = "e2e-shared" // the issuer's Ingress, and the billing API
	// monitoringNamespace may read the metrics of servers.
	monitoringNamespace = "e2e-monitoring"
	setupLimit          = 5 * time.Minute
	othersLimit         = 10 * time.Minute
)

// env is what all tests share. The issuer runs in this process, so that tests
// can have any token; pods reach it as any other, by name and over TLS.
var env struct {
	cluster   *cluster.Cluster
	authority *fixture.Authority
	issuer    *oauthtest.Handler
	ingress   string
	// billingImage has the billing API, which can also dial.
	billingImage string
	// chart is what helm installs the operator with.
	chart []string
	// prober looks for unsecured moments while tests run.
	prober *prober
}

// atOnce is how many tests run side by side: they wait for most of the time, so
// it is more than there may be processors.
const atOnce = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err) // package testing has this flag
	}
	if err := setUp(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "setting up:", err)
		diagnose(os.Stderr, cluster.OperatorNamespace, sharedNamespace)
		os.Exit(1)
	}
	code := m.Run()
	if !env.prober.end(os.Stderr) {
		code = max(code, 1)
	}
	os.Exit(code)
}

func setUp(ctx context.Context) error {
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig == "" {
		return errors.New("KUBECONFIG names no cluster; make e2e starts one")
	}
	project, err := cluster.FindProject()
	if err != nil {
		return err
	}
	if env.cluster, err = cluster.Open(project, kubeconfig); err != nil {
		return err
	}
	if err := lock(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, setupLimit)
	defer cancel()
	if env.authority, err = fixture.LoadAuthority(project.Path("dist", "demo")); err != nil {
		return err
	}
	images, err := loadImages(ctx, project)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context, cluster.Images) error{installOperator, installShared} {
		if err := step(ctx, images); err != nil {
			return err
		}
	}
	if err := serveIssuer(ctx); err != nil {
		return err
	}
	env.prober, err = startProber(ctx)
	return err
}

// lock waits for another run on the same cluster to end. It is held until this
// process ends.
func lock(ctx context.Context) error {
	return console.New(os.Stderr, 0).Wait(ctx, "nobody else uses the cluster", othersLimit, func(context.Context) (bool, string, error) {
		locked, err := env.cluster.TryLock()
		return locked, "another make e2e or demo does", err
	})
}

func loadImages(ctx context.Context, project cluster.Project) (cluster.Images, error) {
	images := cluster.NewImages(project, "ghcr.io/securedmcp", "dev")
	if err := cluster.BuildBilling(ctx, project, images.Billing); err != nil {
		return images, err
	}
	return images, env.cluster.Load(ctx, os.Stderr, images.All()...)
}

func installOperator(ctx context.Context, images cluster.Images) error {
	manifest, err := fixture.Namespaces(cluster.OperatorNamespace, sharedNamespace, monitoringNamespace)
	if err != nil {
		return err
	}
	if err := apply(ctx, manifest); err != nil {
		return err
	}
	digest, err := images.Operator.Digest()
	if err != nil {
		return err
	}
	env.chart = append(cluster.InstallArguments(images, digest), "--set", "monitoringNamespaces={"+monitoringNamespace+"}")
	return installChart(ctx)
}

// installChart has the operator run as the tests want it, but for what more says.
func installChart(ctx context.Context, more ...string) error {
	if _, err := env.cluster.Helm(ctx, slices.Concat(env.chart, more)...); err != nil {
		return err
	}
	return awaitRollout(ctx, cluster.OperatorKey)
}

func installShared(ctx context.Context, images cluster.Images) error {
	env.billingImage = images.Billing.Name
	digest, err := images.Billing.Digest()
	if err != nil {
		return err
	}
	manifest, err := fixture.BillingAPI(fixture.Workload{Namespace: sharedNamespace, Image: images.Billing.Name, Digest: digest})
	if err != nil {
		return err
	}
	if err := apply(ctx, manifest); err != nil {
		return err
	}
	return awaitRollout(ctx, ctrlclient.ObjectKey{Namespace: sharedNamespace, Name: "billing-api"})
}

// wait is console.Wait without a story.
func wait(ctx context.Context, what string, poll console.Poll) error {
	return console.New(io.Discard, 0).Wait(ctx, what, waitLimit, poll)
}
