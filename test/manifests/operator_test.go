package manifests_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/app"
	"github.com/securedmcp/operator/test/kubetest"
)

// The operator does all its work as the ServiceAccount of the chart, with the
// rights that the chart gives it and no others.
func TestOperatorAsTheChartInstallsIt(t *testing.T) {
	admin := newAdmin(t)
	install(t, admin, "--set", "metrics.enabled=true")
	operator := startOperator(t, release, nil)
	operator.answers(t, "/readyz")

	t.Run("has the rights that it needs", func(t *testing.T) { testRights(t, admin) })
	t.Run("shows its metrics to whom may read them", func(t *testing.T) { testMetrics(t, admin, operator) })

	operator.stop(t)
	if log := operator.log.String(); strings.Contains(log, "forbidden") || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the operator was refused something:\n%s", log)
	}
	var lease coordinationv1.Lease
	must(t, admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: app.DefaultLeaderElectionName}, &lease))
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		t.Errorf("the Lease is still held by %s: the next leader has to wait", *holder)
	}
}

// With namespaces, the chart gives the operator Roles there and nothing beyond.
func TestOperatorWithRightsInOneNamespace(t *testing.T) {
	admin := newAdmin(t)
	createNamespace(t, admin, "narrow")
	createNamespace(t, admin, "wide")
	install(t, admin, "--set", "fullnameOverride=narrow,namespaces={narrow}")
	var bindings rbacv1.ClusterRoleBindingList
	must(t, admin.List(t.Context(), &bindings))
	for _, b := range bindings.Items {
		if slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool { return s.Name == "narrow" }) {
			t.Errorf("ClusterRoleBinding %s: want no rights on the cluster", b.Name)
		}
	}
	operator := startOperator(t, "narrow", []string{"narrow"})
	beyond, within := sample(t), sample(t)
	beyond.Namespace, within.Namespace = "wide", "narrow"
	beyond.Spec.Resource, within.Spec.Resource = "https://wide.example.com/x", "https://narrow.example.com/x"
	must(t, admin.Create(t.Context(), beyond))
	must(t, admin.Create(t.Context(), within))
	wait(t, "it starts the one in its namespace", func() bool { return ready(t, admin, within) == "False Progressing" })
	wait(t, "it looks for the CA bundle of the issuer", func() bool {
		must(t, admin.Get(t.Context(), client.ObjectKeyFromObject(within), within))
		c := meta.FindStatusCondition(within.Status.Conditions, v1alpha1.ConditionIssuerDiscovered)
		return c != nil && c.Reason == v1alpha1.ReasonCABundleMissing
	})
	if must(t, admin.Get(t.Context(), client.ObjectKeyFromObject(beyond), beyond)); len(beyond.Status.Conditions) > 0 {
		t.Errorf("the one in another namespace has conditions: %v", beyond.Status.Conditions)
	}
	operator.stop(t)
	if log := operator.log.String(); strings.Contains(log, "forbidden") || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the operator was refused something:\n%s", log)
	}
}

func testRights(t *testing.T, admin client.Client) {
	createNamespace(t, admin, "billing")
	s := sample(t)
	must(t, admin.Create(t.Context(), s))
	wait(t, "it starts", func() bool { return ready(t, admin, s) == "False Progressing" })
	for _, o := range []client.Object{&corev1.ServiceAccount{}, &corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}, &networkingv1.Ingress{}, &networkingv1.NetworkPolicy{}, &policyv1.PodDisruptionBudget{}} {
		must(t, admin.Get(t.Context(), client.ObjectKeyFromObject(s), o))
	}
	pod := runPod(t, admin, s)
	answerAsked(t, admin, s)
	makeAvailable(t, admin, s)
	makeExposed(t, admin, s)
	wait(t, "it says that the server is ready", func() bool { return ready(t, admin, s) == "True Ready" })
	wait(t, "it writes an event", func() bool {
		var events eventsv1.EventList
		must(t, admin.List(t.Context(), &events, client.InNamespace("billing"), client.MatchingFields{"reason": "Ready"}))
		return len(events.Items) == 1
	})
	exposed := client.MergeFrom(s.DeepCopy())
	s.Spec.Title, s.Spec.Exposure.Ingress = "Another", nil
	must(t, admin.Patch(t.Context(), s, exposed))
	wait(t, "it tells the pod of the configuration", func() bool {
		must(t, admin.Get(t.Context(), client.ObjectKeyFromObject(s), s))
		must(t, admin.Get(t.Context(), client.ObjectKeyFromObject(pod), pod))
		return strings.HasPrefix(pod.Annotations["securedmcp.dev/config-revision"], s.Status.Revision+"-")
	})
	wait(t, "it deletes the Ingress", func() bool {
		return apierrors.IsNotFound(admin.Get(t.Context(), client.ObjectKeyFromObject(s), &networkingv1.Ingress{}))
	})
}

func testMetrics(t *testing.T, admin client.Client, operator *runningOperator) {
	scraper := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "scraper", Namespace: namespace}}
	must(t, admin.Create(t.Context(), scraper))
	token := tokenOf(t, admin, scraper)
	if got := operator.metrics(t, ""); got != http.StatusUnauthorized {
		t.Errorf("status %d without a token, want 401", got)
	}
	if got := operator.metrics(t, token); got != http.StatusForbidden {
		t.Errorf("status %d without the role, want 403", got)
	}
	bindMetricsReader(t, admin, scraper)
	wait(t, "the role counts", func() bool { return operator.metrics(t, token) == http.StatusOK })
}

type runningOperator struct {
	log               syncBuffer
	probes, metricsAt string
	cancel            context.CancelFunc
	done              chan error
	http              *http.Client
}

// startOperator runs the operator as a ServiceAccount of the chart, for these
// namespaces or, without any, for all.
func startOperator(t *testing.T, account string, namespaces []string) *runningOperator {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o := &runningOperator{
		probes: freeAddress(t), metricsAt: freeAddress(t), cancel: cancel, done: make(chan error, 1),
		// The certificate is the operator's own; who it is does not matter here.
		http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
	}
	t.Cleanup(cancel)
	cfg := kubetest.Config(t)
	cfg.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + namespace + ":" + account,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
	go func() {
		o.done <- app.Run(ctx, cfg, app.Options{
			RuntimeImage: "ghcr.io/securedmcp/runtime:test", LeaderElect: true, LeaderElectionName: account, LeaderElectionNamespace: namespace,
			HealthProbeBindAddress: o.probes, MetricsBindAddress: o.metricsAt, MaxConcurrentReconciles: 2, Namespaces: namespaces, IssuerProbe: true,
			LoopbackPods: true, // podIP
			Logger:       slog.New(slog.NewJSONHandler(&o.log, nil)),
		})
	}()
	o.answers(t, "/healthz")
	return o
}

func (o *runningOperator) stop(t *testing.T) {
	t.Helper()
	o.cancel()
	select {
	case err := <-o.done:
		must(t, err)
	case <-time.After(waitLimit):
		t.Fatal("the operator does not stop")
	}
}

func (o *runningOperator) answers(t *testing.T, path string) {
	t.Helper()
	wait(t, path+" answers", func() bool { return o.get(t, "http://"+o.probes+path, "") == http.StatusOK })
}

func (o *runningOperator) metrics(t *testing.T, token string) int {
	t.Helper()
	var status int
	wait(t, "/metrics answers", func() bool {
		status = o.get(t, "https://"+o.metricsAt+"/metrics", token)
		return status != 0
	})
	return status
}

// get returns the status of the answer, 0 if there is none.
func (o *runningOperator) get(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	must(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := o.http.Do(req)
	if err != nil {
		return 0
	}
	must(t, resp.Body.Close())
	return resp.StatusCode
}

// installChart applies the chart, metrics included, and returns the client of an
// administrator. The CustomResourceDefinition is there already.
func newAdmin(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	must(t, v1alpha1.AddToScheme(scheme))
	admin, err := client.New(kubetest.Config(t), client.Options{Scheme: scheme})
	must(t, err)
	return admin
}

// install applies the chart as rendered with these values.
func install(t *testing.T, admin client.Client, values ...string) {
	t.Helper()
	home := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := admin.Create(t.Context(), home); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	for _, o := range objects(t, helm(t, append(slices.Clone(withoutCRD), values...)...)) {
		must(t, admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("helm"), client.ForceOwnership))
	}
}

func sample(t *testing.T) *v1alpha1.SecuredMCPServer {
	t.Helper()
	raw, err := os.ReadFile("../../config/samples/billing-tools.yaml")
	must(t, err)
	s := new(v1alpha1.SecuredMCPServer)
	must(t, yaml.UnmarshalStrict(raw, s))
	return s
}

// ready reads s anew and returns status and reason of Ready.
func ready(t *testing.T, c client.Client, s *v1alpha1.SecuredMCPServer) string {
	t.Helper()
	must(t, c.Get(t.Context(), client.ObjectKeyFromObject(s), s))
	condition := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionReady)
	if condition == nil {
		return ""
	}
	return fmt.Sprint(condition.Status, " ", condition.Reason)
}

// runPod does what the Deployment controller, the scheduler and the kubelet
// would do.
func runPod(t *testing.T, c client.Client, s *v1alpha1.SecuredMCPServer) *corev1.Pod {
	t.Helper()
	var d appsv1.Deployment
	must(t, c.Get(t.Context(), client.ObjectKeyFromObject(s), &d))
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.Name + "-1", Namespace: s.Namespace, Labels: d.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: s.Name + "-1", UID: "1", Controller: new(true)}},
		},
		Spec: d.Spec.Template.Spec,
	}
	p.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = "1"
	p.Spec.NodeName = "node"
	must(t, c.Create(t.Context(), p))
	created := client.MergeFrom(p.DeepCopy()) // the operator writes to it, too
	p.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: podIP, PodIPs: []corev1.PodIP{{IP: podIP}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	must(t, c.Status().Patch(t.Context(), p, created))
	return p
}

// podIP is one that this machine has and that nobody else uses.
const podIP = "127.90.90.1"

// answerAsked does what the runtime in the pod would do.
func answerAsked(t *testing.T, c client.Client, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(podIP, "9090"))
	must(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var cm corev1.ConfigMap
		if err := c.Get(r.Context(), client.ObjectKeyFromObject(s), &cm); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, `{"revision":%q}`, config.Revision([]byte(cm.Data["config.json"])))
	})}
	go server.Serve(listener) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { must(t, server.Close()) })
}

func makeAvailable(t *testing.T, c client.Client, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	var d appsv1.Deployment
	must(t, c.Get(t.Context(), client.ObjectKeyFromObject(s), &d))
	before := client.MergeFrom(d.DeepCopy()) // the operator may write meanwhile
	d.Status.ObservedGeneration = d.Generation
	n := *d.Spec.Replicas
	d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = n, n, n, n
	must(t, c.Status().Patch(t.Context(), &d, before))
}

func makeExposed(t *testing.T, c client.Client, s *v1alpha1.SecuredMCPServer) {
	t.Helper()
	var in networkingv1.Ingress
	must(t, c.Get(t.Context(), client.ObjectKeyFromObject(s), &in))
	before := client.MergeFrom(in.DeepCopy())
	in.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: "lb.example.com"}}
	must(t, c.Status().Patch(t.Context(), &in, before))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(waitLimit)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

// syncBuffer is a log that is written to and read at the same time.
type syncBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.String()
}
