package manifests_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/test/kubetest"
)

// From the value of the chart to the API server: the operator's own program, with
// the arguments of the chart's Deployment, gives nobody another host's requests.
func TestAHostThatIsBoundedCannotBeTakenByAnnotation(t *testing.T) {
	admin := newAdmin(t)
	createNamespace(t, admin, "bounded")
	values := []string{"--set", "fullnameOverride=bounded,namespaces={bounded}", "--set-json", `allowedHosts={"bounded":["mine.example.com"]}`}
	install(t, admin, values...)
	runProgram(t, buildProgram(t), "bounded", values...)

	s := sample(t)
	s.Namespace, s.Spec.Resource = "bounded", "https://mine.example.com/tools"
	s.Spec.Exposure.Ingress.Annotations = map[string]string{"nginx.ingress.kubernetes.io/server-alias": "payments.example.com"}
	must(t, admin.Create(t.Context(), s))
	wait(t, "it is refused", func() bool { return ready(t, admin, s) == "False AnnotationNotAllowed" })
	wait(t, "an event tells of it", func() bool {
		var events eventsv1.EventList
		must(t, admin.List(t.Context(), &events, client.InNamespace("bounded"), client.MatchingFields{"reason": "AnnotationNotAllowed"}))
		return len(events.Items) == 1
	})
	ingress := new(networkingv1.Ingress)
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(s), ingress); client.IgnoreNotFound(err) != nil || err == nil {
		t.Fatalf("an Ingress with %v: %v", ingress.Annotations, err)
	}

	change(t, admin, s, func() {
		s.Spec.Exposure.Ingress.Annotations = map[string]string{"nginx.ingress.kubernetes.io/proxy-read-timeout": "300"}
	})
	wait(t, "it is served", func() bool { return ready(t, admin, s) == "False Progressing" })
	must(t, admin.Get(t.Context(), client.ObjectKeyFromObject(s), ingress))
	if host := ingress.Spec.Rules[0].Host; host != "mine.example.com" || len(ingress.Annotations) != 1 {
		t.Errorf("the Ingress is for %s with %v", host, ingress.Annotations)
	}
}

func buildProgram(t *testing.T) string {
	t.Helper()
	root, err := kubetest.Root()
	must(t, err)
	program := filepath.Join(t.TempDir(), "operator")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/operator")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// runProgram runs cmd/operator as the chart's ServiceAccount until the test ends.
func runProgram(t *testing.T, program, account string, values ...string) {
	t.Helper()
	var log syncBuffer
	operator := exec.Command(program, programArgs(t, kubeconfigOf(t, account), values...)...)
	operator.Stdout, operator.Stderr = &log, &log
	must(t, operator.Start())
	t.Cleanup(func() {
		must(t, operator.Process.Signal(syscall.SIGTERM))
		if err := operator.Wait(); err != nil || t.Failed() {
			t.Errorf("%v:\n%s", err, log.String())
		}
	})
}

// programArgs are those of the chart's Deployment, and what a process outside of a
// pod needs.
func programArgs(t *testing.T, kubeconfig string, values ...string) []string {
	t.Helper()
	var d appsv1.Deployment
	must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(only(t, helm(t, slices.Concat(withoutCRD, values)...), "Deployment").Object, &d))
	return slices.Concat(d.Spec.Template.Spec.Containers[0].Args, []string{
		"--kubeconfig=" + kubeconfig, "--leader-elect-namespace=" + namespace, "--health-probe-bind-address=0",
	})
}

// kubeconfigOf writes a kubeconfig that acts as a ServiceAccount of the chart.
func kubeconfigOf(t *testing.T, account string) string {
	t.Helper()
	return kubeconfigAt(t, kubetest.Config(t).Host, account)
}

// kubeconfigAt writes one for an API server, or the way to it, at url.
func kubeconfigAt(t *testing.T, url, account string) string {
	t.Helper()
	cfg := kubetest.Config(t)
	kubeconfig := api.NewConfig()
	kubeconfig.Clusters["test"] = &api.Cluster{Server: url, CertificateAuthorityData: cfg.CAData}
	kubeconfig.AuthInfos["test"] = &api.AuthInfo{
		ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData,
		Impersonate:       "system:serviceaccount:" + namespace + ":" + account,
		ImpersonateGroups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
	kubeconfig.Contexts["test"] = &api.Context{Cluster: "test", AuthInfo: "test"}
	kubeconfig.CurrentContext = "test"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, clientcmd.WriteToFile(*kubeconfig, path))
	return path
}
