//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
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
	setupLimit      = 2 * time.Minute
)

// env is what all tests share. The issuer runs in this process, so that tests
// can have any token; pods reach it as any other, by name and over TLS.
var env struct {
	cluster   *cluster.Cluster
	authority *fixture.Authority
	issuer    *oauthtest.Handler
	ingress   string
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
	os.Exit(m.Run())
}

func setUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, setupLimit)
	defer cancel()
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
	return serveIssuer(ctx)
}

func loadImages(ctx context.Context, project cluster.Project) (cluster.Images, error) {
	images := cluster.NewImages(project, "ghcr.io/securedmcp", "dev")
	if err := cluster.BuildBilling(ctx, project, images.Billing); err != nil {
		return images, err
	}
	return images, env.cluster.Load(ctx, os.Stderr, images.All()...)
}

func installOperator(ctx context.Context, images cluster.Images) error {
	manifest, err := fixture.Namespaces(cluster.OperatorNamespace, sharedNamespace)
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
	if _, err := env.cluster.Helm(ctx, cluster.InstallArguments(images, digest)...); err != nil {
		return err
	}
	return awaitRollout(ctx, cluster.OperatorKey)
}

func installShared(ctx context.Context, images cluster.Images) error {
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

// serveIssuer listens where the node can reach this process, and has the
// Ingress lead there.
func serveIssuer(ctx context.Context) error {
	var err error
	if env.issuer, err = oauthtest.NewHandler(oauthtest.Config{Issuer: issuerURL, Subjects: []string{"alice"}}); err != nil {
		return err
	}
	address, err := addressTowards(ctx, env.cluster.REST.Host)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: env.issuer, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }() // as long as this process
	if err := applyIssuer(ctx, listener.Addr().(*net.TCPAddr)); err != nil {
		return err
	}
	return awaitIssuer(ctx)
}

func applyIssuer(ctx context.Context, at *net.TCPAddr) error {
	certificate, err := fixture.Certificates(env.authority, []fixture.Certificate{{Namespace: sharedNamespace, Name: "issuer-tls", Hosts: []string{issuerHost}}})
	if err != nil {
		return err
	}
	if err := apply(ctx, certificate); err != nil {
		return err
	}
	return apply(ctx, fmt.Appendf(nil, issuerManifest, sharedNamespace, at.IP, at.Port, issuerHost))
}

const issuerManifest = `
apiVersion: v1
kind: Service
metadata: {name: issuer, namespace: %[1]s}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: issuer, namespace: %[1]s, labels: {kubernetes.io/service-name: issuer}}
addressType: IPv4
endpoints: [{addresses: ["%[2]s"]}]
ports: [{name: http, port: %[3]d, protocol: TCP}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: issuer, namespace: %[1]s}
spec:
  ingressClassName: nginx
  tls: [{hosts: [%[4]s], secretName: issuer-tls}]
  rules:
  - host: %[4]s
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: issuer, port: {name: http}}}}]}
`

// awaitIssuer learns where the Ingress is, and waits until it leads here.
func awaitIssuer(ctx context.Context) error {
	return wait(ctx, "the issuer to be reached through the Ingress", func(ctx context.Context) (bool, string, error) {
		var ingress networkingv1.Ingress
		if err := env.cluster.Get(ctx, ctrlclient.ObjectKey{Namespace: sharedNamespace, Name: "issuer"}, &ingress); err != nil {
			return false, "", err
		}
		for _, i := range ingress.Status.LoadBalancer.Ingress {
			env.ingress = i.IP
		}
		if env.ingress == "" {
			return false, "the Ingress has no address", nil
		}
		answer, err := anonymous(issuerURL).Get(ctx, issuerURL+"/jwks")
		if err != nil {
			return false, err.Error(), nil
		}
		return answer.Status == http.StatusOK, fmt.Sprintf("status %d", answer.Status), nil
	})
}

// addressTowards is this machine's address as the cluster sees it.
func addressTowards(ctx context.Context, apiServer string) (string, error) {
	target, err := hostPort(apiServer)
	if err != nil {
		return "", err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", target) // sends nothing
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String(), nil
}

// wait is console.Wait without a story.
func wait(ctx context.Context, what string, poll console.Poll) error {
	return console.New(io.Discard, 0).Wait(ctx, what, waitLimit, poll)
}
