package controllers_test

import (
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/kubetest"
)

// withoutRequest are rights that no request of the operator uses here, and why it
// has them.
var withoutRequest = map[string]string{
	"update securedmcp.dev securedmcpservers/finalizers": "the admission plugin OwnerReferencesPermissionEnforcement asks for it",
}

// optionalGroups are of APIs that this API server does not have; what is done
// with them is shown where they are installed.
var optionalGroups = []string{"gateway.networking.k8s.io", "cert-manager.io", "monitoring.coreos.com"}

// The operator has the rights that it uses, and uses those that it has.
func TestRightsAreThoseThatAreUsed(t *testing.T) {
	w := newWorld(t)
	used := &usage{seen: map[string]bool{}}
	cfg := kubetest.Config(t)
	cfg.Wrap(used.record)
	runOperatorOn(w, cfg)
	liveThrough(w)

	granted := grantedRights(t)
	var unused []string
	defer func() {
		if len(unused) > 0 {
			t.Errorf("granted and never used: %q", unused)
		}
	}()
	w.eventually("every right is used", func() bool {
		unused = missing(granted, used.all())
		return len(unused) == 0
	})
	if forbidden := missing(used.all(), granted); len(forbidden) > 0 {
		t.Errorf("used and not granted: %q", forbidden)
	}
}

// liveThrough has a server come where another's object has its name, be changed in
// every way that makes the operator write, and lose what it had.
func liveThrough(w *world) {
	w.t.Helper()
	s := w.server("a")
	opaque(s)
	s.Spec.Workload.Replicas, s.Spec.Workload.Autoscaling = nil, &v1alpha1.Autoscaling{MaxReplicas: 4}
	stranger := named(s, &corev1.ServiceAccount{})
	w.create(stranger)
	w.create(s)
	w.becomes(s, "Accepted", "False NameConflict")
	if err := w.person.Delete(w.t.Context(), stranger); err != nil {
		w.t.Fatal(err)
	}
	w.update(s, func() { s.Annotations = map[string]string{"example.com/look": "again"} })
	w.becomes(s, "Available", "False Progressing")
	w.pod(s, "starts", corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "runtime", Image: runtimeImage, ImageID: "x",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}}})
	w.runningPod(s, "runs")
	w.makeAvailable(s)
	ingress := named(s, &networkingv1.Ingress{})
	for range 2 { // the second time, the events are not new
		w.makeExposed(s)
		w.becomes(s, "Ready", "True Ready")
		w.updateStatus(ingress, func() { ingress.Status = networkingv1.IngressStatus{} })
		w.becomes(s, "Ready", "False IngressPending")
	}
	w.update(s, func() {
		s.Spec.Exposure.Ingress, s.Spec.Workload.Autoscaling, s.Spec.Workload.Replicas = nil, nil, new(int32(1))
		s.Spec.RequiredScopes = nil // which pods are told of
	})
	w.becomes(s, "Exposed", "True ClusterLocal")
}

// usage is what the operator asked the API server for, each as a right: verb,
// group and resource.
type usage struct {
	sync.Mutex
	seen map[string]bool
}

func (u *usage) record(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil {
			u.add(r, resp.StatusCode)
		}
		return resp, err
	})
}

func (u *usage) add(r *http.Request, status int) {
	group, resource, named := asked(r.URL.Path)
	if resource == "" {
		return // discovery
	}
	u.Lock()
	defer u.Unlock()
	u.seen[verb(r, named)+" "+group+" "+resource] = true
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		u.seen["list "+group+" "+resource] = true // which is asked for where watches cannot begin with what there is
	}
	if r.Method == http.MethodPatch && status == http.StatusCreated {
		u.seen["create "+group+" "+resource] = true // applying what is not there
	}
}

func (u *usage) all() map[string]bool {
	u.Lock()
	defer u.Unlock()
	return maps.Clone(u.seen)
}

// asked parts /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE,
// most of which may be missing.
func asked(path string) (group, resource string, named bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		group, parts = parts[1], parts[3:]
	default:
		return "", "", false
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		parts = parts[2:]
	}
	resource = parts[0]
	if len(parts) > 2 {
		resource += "/" + parts[2]
	}
	return group, resource, len(parts) > 1
}

func verb(r *http.Request, named bool) string {
	switch {
	case r.Method == http.MethodGet && named:
		return "get"
	case r.Method == http.MethodGet && r.URL.Query().Has("watch"):
		return "watch"
	case r.Method == http.MethodGet:
		return "list"
	}
	return map[string]string{
		http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[r.Method]
}

// grantedRights are those of the generated role that requests here can use.
func grantedRights(t *testing.T) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile("../config/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(raw, &role); err != nil {
		t.Fatal(err)
	}
	granted := map[string]bool{}
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			if slices.Contains(optionalGroups, group) {
				continue
			}
			for _, resource := range rule.Resources {
				for _, v := range rule.Verbs {
					granted[v+" "+group+" "+resource] = true
				}
			}
		}
	}
	for right := range withoutRequest {
		if !granted[right] {
			t.Errorf("%q is excused and not granted", right)
		}
		delete(granted, right)
	}
	return granted
}

// missing returns what of a is not in b.
func missing(a, b map[string]bool) []string {
	var out []string
	for _, right := range slices.Sorted(maps.Keys(a)) {
		if !b[right] {
			out = append(out, right)
		}
	}
	return out
}
