// Package manifests_test checks what people install: the Helm chart and the
// kustomizations, against each other and against a real API server.
package manifests_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/securedmcp/operator/test/golden"
	"github.com/securedmcp/operator/test/kubetest"
)

const (
	chart     = "charts/securedmcp-operator"
	release   = "securedmcp-operator"
	namespace = "securedmcp-system"

	// waitLimit bounds every wait: it is for a machine that does much else.
	waitLimit = 3 * time.Minute
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	kubetest.Main(m)
}

// withoutCRD leaves out what config/crd/bases has already.
var withoutCRD = []string{"--set", "crds.enabled=false"}

func TestChartRendersToTheseManifests(t *testing.T) {
	values := map[string][]string{
		"defaults": withoutCRD,
		"everything": append(slices.Clone(withoutCRD),
			"--set", "metrics.enabled=true,metrics.port=9443,metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.labels.release=prometheus,metrics.serviceMonitor.scrapeSeconds=15,replicas=3,image.tag=1.2.3,image.digest=sha256:"+strings.Repeat("0a", 32)+",image.pullPolicy=Always,log.level=DEBUG,log.format=text",
			"--set", "imagePullSecrets[0].name=pull,priorityClassName=system-cluster-critical,maxConcurrentReconciles=8",
			"--set", "resources.limits.memory=1Gi,nodeSelector.disk=ssd,tolerations[0].operator=Exists,podLabels.team=platform,podAnnotations.note=x",
			"--set", "serviceAccount.name=own,serviceAccount.annotations.role=y,affinity.nodeAffinity.x=y,topologySpreadConstraints[0].maxSkew=2"),
		"namespaced": append(slices.Clone(withoutCRD), "--set", "namespaces={billing,shop}",
			"--set", "watchLabelSelector=team in (a\\,b),allowedImagePrefixes={registry.example.com/mcp/},monitoringNamespaces={monitoring},clusterDomain=k8s.example,dnsNamespaces={kube-system}",
			"--set-json", `allowedHosts={"billing":["mcp.example.com","*.billing.example.com"],"*":[]}`,
			"--set-json", `allowedIngressAnnotations=["nginx.ingress.kubernetes.io/*","example.com/team"]`, "--set-json", `allowedPodAnnotations=[]`, "--set-json", `allowedPodLabels=["*"]`),
		"one-replica": append(slices.Clone(withoutCRD), "--set", "replicas=1,leaderElection.enabled=false,rbac.aggregate=false"),
	}
	for name, args := range values {
		t.Run(name, func(t *testing.T) {
			golden.Compare(t, filepath.Join("testdata", name+".yaml"), helm(t, args...))
		})
	}
}

// A prefix may end with a colon, and the name of a namespace may be a number. YAML would
// make something else of both.
func TestValuesOfTheChartStayWhatTheyAre(t *testing.T) {
	manifests := helm(t, append(slices.Clone(withoutCRD),
		"--set", "allowedImagePrefixes={registry.example.com/team/image:}", "--set-string", "namespaces={123}")...)
	deployment := only(t, manifests, "Deployment")
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil {
		t.Fatal(err)
	}
	args, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
	if err != nil {
		t.Fatal(err)
	}
	if want := "--allowed-image-prefixes=registry.example.com/team/image:"; !slices.Contains(args, want) {
		t.Errorf("args %q, want %q among them", args, want)
	}
	if !slices.ContainsFunc(objects(t, manifests), func(o *unstructured.Unstructured) bool { return o.GetKind() == "Role" && o.GetNamespace() == "123" }) {
		t.Error("no Role in namespace 123")
	}
}

func TestChartKeepsTheDefinitionWhenItIsUninstalled(t *testing.T) {
	i := slices.IndexFunc(objects(t, helm(t)), func(o *unstructured.Unstructured) bool { return o.GetKind() == "CustomResourceDefinition" })
	if i < 0 {
		t.Fatal("no CustomResourceDefinition")
	}
	crd := objects(t, helm(t))[i]
	if got := crd.GetAnnotations()["helm.sh/resource-policy"]; got != "keep" {
		t.Errorf("resource policy %q, want keep", got)
	}
	own := only(t, kustomize(t, "config/crd"), "CustomResourceDefinition")
	if diff := cmp.Diff(own.Object["spec"], crd.Object["spec"]); diff != "" {
		t.Errorf("definition (-config/crd +chart):\n%s", diff)
	}
}

func TestChartRefusesNonsense(t *testing.T) {
	tests := map[string]struct{ set, want string }{
		"several operators that all act":    {"leaderElection.enabled=false", "several operators would act at once"},
		"a value that does not exist":       {"replica=3", "additional properties 'replica' not allowed"},
		"a log level that does not exist":   {"log.level=loud", "/log/level"},
		"an image with its tag":             {"image.repository=ghcr.io/x:1", "/image/repository"},
		"a digest that is cut short":        {"image.digest=sha256:0a", "/image/digest"},
		"metrics on the port of the probes": {"metrics.port=8081", "/metrics/port"},
		"a monitor of nothing":              {"metrics.serviceMonitor.enabled=true", "there is nothing to scrape"},
		"no memory limit":                   {"resources.limits.memory=null", "/resources/limits"},
		"a memory limit in bytes":           {"resources.limits.memory=1000000000", "/resources/limits/memory"},
		"an annotation without a slash":     {`allowedIngressAnnotations={nginx*}`, "/allowedIngressAnnotations/0"},
		"a label that the selector has":     {`podLabels.app\.kubernetes\.io/name=x`, "which the Deployment selects its pods by"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, complaint := kubetest.Tool(t, "helm", "template", release, chart, "--set", test.set)
			if !strings.Contains(complaint, test.want) {
				t.Errorf("complaint %q, want one with %q", complaint, test.want)
			}
		})
	}
}

func TestChartAndKustomizationGiveTheSameRights(t *testing.T) {
	fromChart, fromConfig := rules(t, helm(t)), rules(t, kustomize(t, "config/default"))
	// The release's name is part of the names in the chart.
	for _, role := range []string{"viewer", "editor", "admin"} {
		name := "ClusterRole " + release + "-" + role
		fromChart["ClusterRole securedmcp-"+role] = fromChart[name]
		delete(fromChart, name)
	}
	if diff := cmp.Diff(fromConfig, fromChart); diff != "" {
		t.Errorf("rules (-config +chart):\n%s", diff)
	}
}

func TestOperatorMayReadNoSecretsAndNothingIsWildcarded(t *testing.T) {
	for name, list := range rules(t, kustomize(t, "config/default")) {
		for _, rule := range list {
			for _, word := range slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs) {
				if strings.Contains(word, "*") || word == "secrets" {
					t.Errorf("%s has %q in %v", name, word, rule)
				}
			}
		}
	}
}

func TestManifestsAreWhatAnAPIServerTakes(t *testing.T) {
	c := newClient(t)
	createNamespace(t, c, namespace)
	kubetest.InstallCRDs(t, kubetest.Config(t), "prometheus-operator")
	everything := []string{"--set", "metrics.enabled=true,metrics.serviceMonitor.enabled=true"}
	manifests := map[string][]byte{
		"the chart":               helm(t, everything...),
		"config/default":          kustomize(t, "config/default"),
		"config/samples":          kustomize(t, "config/samples"),
		"config/default, metrics": kustomize(t, "test/manifests/testdata/with-metrics"),
	}
	maps.Copy(manifests, files(t, "config/samples/issuers"))
	createNamespace(t, c, "billing")
	for name, manifest := range manifests {
		t.Run(name, func(t *testing.T) {
			for _, o := range objects(t, manifest) {
				err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.DryRunAll, client.FieldOwner("test"), client.ForceOwnership)
				if err != nil {
					t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
				}
			}
		})
	}
}

func TestOperatorPodsAreRestricted(t *testing.T) {
	c := newClient(t)
	createNamespace(t, c, "restricted")
	for name, manifest := range map[string][]byte{"the chart": helm(t), "config/default": kustomize(t, "config/default")} {
		t.Run(name, func(t *testing.T) {
			var d appsv1.Deployment
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(only(t, manifest, "Deployment").Object, &d); err != nil {
				t.Fatal(err)
			}
			p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "operator", Namespace: "restricted"}, Spec: d.Spec.Template.Spec}
			p.Spec.ServiceAccountName = "" // of no interest to Pod Security
			if err := c.Create(t.Context(), p, client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

func helm(t *testing.T, args ...string) []byte {
	t.Helper()
	out, complaint := kubetest.Tool(t, "helm", append([]string{"template", release, chart, "--namespace", namespace}, args...)...)
	if complaint != "" {
		t.Fatal(complaint)
	}
	return out
}

// files returns the files of a folder by their names. One by one, since they may be
// alternatives of one object.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir("../../" + dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d files in %s, %v", len(entries), dir, err)
	}
	all := map[string][]byte{}
	for _, entry := range entries {
		if all[entry.Name()], err = os.ReadFile(filepath.Join("../..", dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func kustomize(t *testing.T, dir string) []byte {
	t.Helper()
	out, complaint := kubetest.Tool(t, "kubectl", "kustomize", dir)
	if complaint != "" {
		t.Fatal(complaint)
	}
	return out
}

func objects(t *testing.T, manifests []byte) []*unstructured.Unstructured {
	t.Helper()
	return kubetest.Objects(t, manifests)
}

func only(t *testing.T, manifests []byte, kind string) *unstructured.Unstructured {
	t.Helper()
	all := slices.DeleteFunc(objects(t, manifests), func(o *unstructured.Unstructured) bool { return o.GetKind() != kind })
	if len(all) != 1 {
		t.Fatalf("%d objects of kind %s, want 1", len(all), kind)
	}
	return all[0]
}

// rules returns what roles allow, by kind and name of the role.
func rules(t *testing.T, manifests []byte) map[string][]rbacv1.PolicyRule {
	t.Helper()
	found := map[string][]rbacv1.PolicyRule{}
	for _, o := range objects(t, manifests) {
		if o.GetKind() != "ClusterRole" && o.GetKind() != "Role" {
			continue
		}
		var role rbacv1.ClusterRole
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
			t.Fatal(err)
		}
		found[o.GetKind()+" "+o.GetName()] = role.Rules
	}
	if len(found) == 0 {
		t.Fatal("no roles")
	}
	return found
}

func newClient(t *testing.T) client.Client {
	t.Helper()
	c, err := client.New(kubetest.Config(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// createNamespace creates a namespace that refuses pods that are less than
// restricted. Other tests may have created it before.
func createNamespace(t *testing.T, c client.Client, name string) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	if err := c.Create(context.Background(), ns); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
}
