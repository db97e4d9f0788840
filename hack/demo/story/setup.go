package story

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/hack/demo/cluster"
	"github.com/securedmcp/operator/hack/demo/fixture"
)

const (
	// clusterLimit bounds what a cluster that works does in seconds.
	clusterLimit = 3 * time.Minute
	// othersLimit is more than another demo, or all end-to-end tests, take.
	othersLimit = 10 * time.Minute
)

// openCluster starts the local cluster, or looks at the one that is there.
func (s *story) openCluster(ctx context.Context) error {
	project, err := cluster.FindProject()
	if err != nil {
		return err
	}
	if s.Kubeconfig == "" {
		s.console.Command("make cluster-up")
		out := s.console.Writer()
		s.cluster, err = cluster.Up(ctx, project, out)
		out.Flush()
		if err != nil {
			return advise(err, "make cluster-down removes every trace of it; then run the demo again")
		}
	} else if s.cluster, err = cluster.Open(project, s.Kubeconfig); err != nil {
		return advise(err, "set DEMO_KUBECONFIG to the kubeconfig of a cluster that answers, or leave it out")
	}
	version, err := s.cluster.Clientset.Discovery().ServerVersion()
	if err != nil {
		return advise(err, "check that DEMO_KUBECONFIG works: kubectl --kubeconfig %s version", s.kubeconfig())
	}
	s.console.Done("Kubernetes %s answers", version.GitVersion)
	if err := s.waitAlone(ctx); err != nil {
		return err
	}
	return s.preflight(ctx)
}

// waitAlone waits for other demos and test runs of this machine to end.
func (s *story) waitAlone(ctx context.Context) error {
	err := s.console.Wait(ctx, "nobody else uses the cluster", othersLimit, func(context.Context) (bool, string, error) {
		locked, err := s.cluster.TryLock()
		return locked, "another demo or make e2e does", err
	})
	return advise(err, "wait until the other demo or make e2e has ended, and run it again")
}

// preflight refuses what would fail later, or hurt somebody.
func (s *story) preflight(ctx context.Context) error {
	if err := s.mayInstall(ctx); err != nil {
		return err
	}
	if err := s.findIngressClass(ctx); err != nil {
		return err
	}
	return s.ownNamespaces(ctx)
}

// BuildImage builds the image of the demo's API, which an existing cluster pulls
// beside those of "make images", and tells where it is.
func BuildImage(ctx context.Context, o Options) error {
	project, err := cluster.FindProject()
	if err != nil {
		return err
	}
	image := cluster.NewImages(project, o.ImagePrefix, o.ImageTag).Billing
	if err := cluster.BuildBilling(ctx, project, image); err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.Out, "%s is in %s\n", image.Name, image.Tar)
	return err
}

// provideImages builds the demo's own image and gives all to the local node.
func (s *story) provideImages(ctx context.Context) error {
	s.images = cluster.NewImages(s.cluster.Project, s.ImagePrefix, s.ImageTag)
	if !s.cluster.IsLocal() {
		s.console.Say("the cluster pulls them by itself: %s/{operator,runtime,securedmcp,demo-billing}:%s", s.ImagePrefix, s.ImageTag)
		return nil
	}
	if err := cluster.BuildBilling(ctx, s.cluster.Project, s.images.Billing); err != nil {
		return err
	}
	for _, image := range s.images.All() {
		if _, err := os.Stat(image.Tar); err != nil {
			return advise(err, "make images builds it")
		}
	}
	out := s.console.Writer()
	defer out.Flush()
	if err := s.cluster.Load(ctx, out, s.images.All()...); err != nil {
		return err
	}
	s.console.Done("%d images are on the node", len(s.images.All()))
	return nil
}

// digest is put on pods so that a rebuilt image of the same tag restarts them.
func (s *story) digest(image cluster.Image) string {
	if !s.cluster.IsLocal() {
		return ""
	}
	digest, err := image.Digest()
	if err != nil {
		return "" // the image was just loaded: worst, its pods are not restarted
	}
	return digest
}

// installOperator makes the namespaces and installs the chart.
func (s *story) installOperator(ctx context.Context) error {
	if err := s.renewNamespace(ctx); err != nil {
		return err
	}
	namespaces, err := fixture.Namespaces(cluster.OperatorNamespace, billingNamespace, authNamespace)
	if err != nil {
		return err
	}
	if err := s.apply(ctx, "namespaces.yaml", namespaces); err != nil {
		return err
	}
	if err := s.helm(ctx, cluster.InstallArguments(s.images, s.digest(s.images.Operator))); err != nil {
		return err
	}
	if err := s.rollout(ctx, cluster.OperatorKey); err != nil {
		return advise(err, "read the operator's log: kubectl -n %s logs deploy/%s", cluster.OperatorNamespace, cluster.OperatorKey.Name)
	}
	s.console.Done("the operator runs with 2 replicas, in a namespace that enforces the restricted Pod Security standard")
	return nil
}

// deployNeighbours deploys what a company has before it has this.
func (s *story) deployNeighbours(ctx context.Context) error {
	if err := s.certify(ctx); err != nil {
		return err
	}
	api, err := fixture.BillingAPI(fixture.Workload{Namespace: billingNamespace, Image: s.images.Billing.Name, Digest: s.digest(s.images.Billing)})
	if err != nil {
		return err
	}
	if err := s.apply(ctx, "billing-api.yaml", api); err != nil {
		return err
	}
	server, err := fixture.AuthorizationServer(fixture.Workload{
		Namespace: authNamespace, Image: s.images.CLI.Name, Digest: s.digest(s.images.CLI), Host: s.authHost(),
	})
	if err != nil {
		return err
	}
	if err := s.apply(ctx, "authorization-server.yaml", server); err != nil {
		return err
	}
	for _, deployment := range []ctrlclient.ObjectKey{apiKey, issuerKey} {
		if err := s.rollout(ctx, deployment); err != nil {
			return err
		}
	}
	s.console.Done("the billing API trusts whoever reaches it, and answers 400 if anyone's token does")
	s.console.Done("the authorization server is https://%s", s.authHost())
	return s.findIngress(ctx)
}

// certify makes the certificates of both hosts.
func (s *story) certify(ctx context.Context) (err error) {
	if s.authority, err = fixture.LoadAuthority(s.folder()); err != nil {
		return err
	}
	manifest, err := fixture.Certificates(s.authority, []fixture.Certificate{
		{Namespace: billingNamespace, Name: "mcp-tls", Hosts: []string{s.mcpHost()}},
		{Namespace: authNamespace, Name: "auth-tls", Hosts: []string{s.authHost()}},
	}, billingNamespace)
	if err != nil {
		return err
	}
	return s.apply(ctx, "certificates.yaml", manifest)
}

// applyServer applies the sample as it is, and waits for it.
func (s *story) applyServer(ctx context.Context) error {
	path, err := s.sample()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := s.kubectl(ctx, "apply", "-f", path); err != nil {
		return err
	}
	err = s.waitReady(ctx)
	if err == nil {
		err = s.waitReachable(ctx)
	}
	if err != nil {
		return advise(err, "kubectl -n %s describe smcp %s", billingNamespace, serverName)
	}
	s.console.Done("Ready after %s", round(time.Since(start)))
	if err := s.kubectl(ctx, "-n", billingNamespace, "get", "smcp"); err != nil {
		return err
	}
	if err := s.kubectl(ctx, "-n", billingNamespace, "get", "pods,services,ingresses", "--show-labels=false"); err != nil {
		return err
	}
	return s.noteStart(ctx)
}

// sample is the manifest of the repository, changed only where another domain
// is asked for.
func (s *story) sample() (string, error) {
	const sample = "config/samples/billing-tools.yaml"
	if s.Domain == sampleDomain {
		return sample, nil
	}
	raw, err := os.ReadFile(s.cluster.Project.Path(sample))
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.folder(), "billing-tools.yaml")
	return s.relative(path), fixture.Write(path, []byte(strings.ReplaceAll(string(raw), sampleDomain, s.Domain)))
}

// folder keeps what the demo writes: manifests and the certificate authority.
func (s *story) folder() string { return s.cluster.Project.Path("dist", "demo") }

func (s *story) relative(path string) string {
	short, err := filepath.Rel(string(s.cluster.Project), path)
	if err != nil {
		return path
	}
	return short
}

func (s *story) mcpHost() string  { return "mcp." + s.Domain }
func (s *story) authHost() string { return "auth." + s.Domain }
func (s *story) endpoint() string { return "https://" + s.mcpHost() + "/billing" }
func (s *story) metadataURL() string {
	return fmt.Sprintf("https://%s/.well-known/oauth-protected-resource/billing", s.mcpHost())
}
