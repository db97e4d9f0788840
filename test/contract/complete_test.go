package contract

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// onTheCluster are the fields that no runtime sees: they become Kubernetes
// objects. Each names the test that shows it.
var onTheCluster = map[string]string{
	"exposure.ingress.className":      "TestAClientGoesFromChallengeToStepUp",
	"exposure.ingress.annotations":    "TestEveryFieldForTheClusterReachesIt",
	"exposure.ingress.tls.secretName": "TestAClientGoesFromChallengeToStepUp",

	"exposure.ingress.tls.issuerRef.name":  "TestCertManagerMakesTheCertificate",
	"exposure.ingress.tls.issuerRef.kind":  "TestACertificateIsAskedForAndFollowed",
	"exposure.ingress.tls.issuerRef.group": "TestCertificateOfAnIssuer",

	"exposure.gateway.parentRefs[].name":        "TestHTTPRouteOfEveryField",
	"exposure.gateway.parentRefs[].namespace":   "TestHTTPRouteOfEveryField",
	"exposure.gateway.parentRefs[].sectionName": "TestHTTPRouteOfEveryField",
	"exposure.gateway.parentRefs[].port":        "TestHTTPRouteOfEveryField",

	"workload.replicas":           "TestEveryFieldForTheClusterReachesIt",
	"workload.resources.limits":   "TestEveryFieldForTheClusterReachesIt",
	"workload.resources.requests": "TestEveryFieldForTheClusterReachesIt",
	"workload.image":              "TestEveryFieldForTheClusterReachesIt",
	"workload.imagePullPolicy":    "TestEveryFieldForTheClusterReachesIt",
	"workload.imagePullSecrets[]": "TestEveryFieldForTheClusterReachesIt",
	"workload.podLabels":          "TestEveryFieldForTheClusterReachesIt",
	"workload.podAnnotations":     "TestEveryFieldForTheClusterReachesIt",
	"workload.egress":             "TestDeclaredEgressIsAllThereIs",

	"workload.autoscaling.minReplicas":          "TestEveryFieldForTheClusterReachesIt",
	"workload.autoscaling.maxReplicas":          "TestEveryFieldForTheClusterReachesIt",
	"workload.autoscaling.targetCPUUtilization": "TestEveryFieldForTheClusterReachesIt",

	"workload.scheduling.nodeSelector":                "TestEveryFieldForTheClusterReachesIt",
	"workload.scheduling.tolerations[]":               "TestEveryFieldForTheClusterReachesIt",
	"workload.scheduling.affinity":                    "TestEveryFieldForTheClusterReachesIt",
	"workload.scheduling.topologySpreadConstraints[]": "TestEveryFieldForTheClusterReachesIt",
	"workload.scheduling.priorityClassName":           "TestEveryFieldForTheClusterReachesIt",

	"monitoring.labels":        "TestMonitoringIsAskedForAndTakenAway",
	"monitoring.scrapeSeconds": "TestMonitoringIsAskedForAndTakenAway",
	"monitoring.alerts":        "TestMonitoringIsAskedForAndTakenAway",

	"exposure.from[].namespaceSelector": "TestOnlyThoseGetInWhomThePolicyNames",
	"exposure.from[].podSelector":       "TestOnlyThoseGetInWhomThePolicyNames",
}

// A field without a contract test is a field that may be accepted and ignored.
func TestEveryFieldHasAContractTest(t *testing.T) {
	paths := leaves(reflect.TypeFor[v1alpha1.SecuredMCPServerSpec](), "")
	if len(paths) < 30 {
		t.Fatalf("only %d fields found: %v", len(paths), paths)
	}
	tested := map[string]bool{}
	for _, tests := range allFields {
		for path := range tests {
			tested[path] = true
		}
	}
	for _, path := range paths {
		_, here := tested[path]
		_, there := onTheCluster[path]
		if here == there {
			t.Errorf("spec.%s: in allFields %v, in onTheCluster %v; want exactly one", path, here, there)
		}
	}
	for path := range tested {
		if !slices.Contains(paths, path) {
			t.Errorf("allFields has %s, which the API has not", path)
		}
	}
	for path := range onTheCluster {
		if !slices.Contains(paths, path) {
			t.Errorf("onTheCluster has %s, which the API has not", path)
		}
	}
}

func TestTheTestsOnTheClusterExist(t *testing.T) {
	names := testNames(t, "../../controllers", "../e2e")
	for path, test := range onTheCluster {
		if !slices.Contains(names, test) {
			t.Errorf("%s: there is no test %s", path, test)
		}
	}
}

// leaves returns the paths of the fields below t that hold a value.
func leaves(t reflect.Type, path string) []string {
	switch {
	case t.Kind() == reflect.Pointer:
		return leaves(t.Elem(), path)
	case t.Kind() == reflect.Slice:
		return leaves(t.Elem(), path+"[]")
	case t.Kind() != reflect.Struct || strings.HasPrefix(t.PkgPath(), "k8s.io/"):
		return []string{path}
	}
	var paths []string
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		paths = append(paths, leaves(field.Type, strings.TrimPrefix(path+"."+name, "."))...)
	}
	return paths
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

func testNames(t *testing.T, roots ...string) []string {
	t.Helper()
	var names []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			raw, err := os.ReadFile(path)
			for _, match := range testFunc.FindAllSubmatch(raw, -1) {
				names = append(names, string(match[1]))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}
