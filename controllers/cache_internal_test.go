package controllers

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
	"github.com/securedmcp/operator/test/kubetest"
)

// What the cache keeps of a child must lead to the same decisions as the child.
func TestTheCacheKnowsWhetherAChildIsAsItShouldBe(t *testing.T) {
	r, server := reconcilerOfEverything(t)
	for _, c := range childrenAsTheyAre(t, r, server) {
		t.Run(c.kind, func(t *testing.T) {
			if err := r.client.Apply(t.Context(), c.configuration(), client.ForceOwnership); err != nil {
				t.Fatal(err)
			}
			expectCurrent(t, r, server, c.kind, true)
			person := client.WithFieldOwner(r.client, "person")
			c.live.SetNamespace(server.Namespace)
			c.live.SetName(server.Name)
			edit := client.RawPatch(types.MergePatchType, []byte(`{"metadata": {"labels": {"app.kubernetes.io/part-of": "somebody"}}}`))
			if err := person.Patch(t.Context(), c.live, edit); err != nil {
				t.Fatal(err)
			}
			expectCurrent(t, r, server, c.kind, false)
		})
	}
}

func expectCurrent(t *testing.T, r *Reconciler, server *v1alpha1.SecuredMCPServer, kind string, want bool) {
	t.Helper()
	for _, c := range childrenAsTheyAre(t, r, server) {
		if c.kind != kind {
			continue
		}
		whole, err := c.current()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // what was cached may come by again
			if c.live, err = trimmed(c.live); err != nil {
				t.Fatal(err)
			}
			if cached, err := c.current(); whole != want || cached != want || err != nil {
				t.Errorf("it is as it should be: %t by the API server and %t by the cache (%v), want %t", whole, cached, err, want)
			}
		}
		if !ours(c.live, server) {
			t.Error("by the cache it is not ours")
		}
	}
}

func TestTheCacheKeepsLittleOfAChild(t *testing.T) {
	r, server := reconcilerOfEverything(t)
	for _, c := range childrenAsTheyAre(t, r, server) {
		if err := r.client.Apply(t.Context(), c.configuration(), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range childrenAsTheyAre(t, r, server) {
		const most = 900 // bytes as JSON, of which the digest and the owner are half
		if kept := size(t, c); c.kind != kindIngress && kept > most {
			t.Errorf("%s takes %d bytes, want %d at most", c.kind, kept, most)
		}
	}
}

// Pods that are older than the ConfigMap may have mounted something else. Of other
// children nobody reads when they were written.
func TestTheCacheKnowsWhenAConfigMapWasWritten(t *testing.T) {
	r, server := reconcilerOfEverything(t)
	for _, c := range childrenAsTheyAre(t, r, server) {
		if err := r.client.Apply(t.Context(), c.configuration(), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range childrenAsTheyAre(t, r, server) {
		written := entryOfUs(c.live).Time
		o, err := trimmed(c.live)
		if err != nil {
			t.Fatal(err)
		}
		if o, err = trimmed(o); err != nil { // what was cached may come by again
			t.Fatal(err)
		}
		kept := entryOfUs(o)
		if kept.FieldsType != inShort || (c.kind == kindConfigMap) != kept.Time.Equal(written) {
			t.Errorf("of %s, which was written at %v, the cache has %+v", c.kind, written, kept)
		}
	}
}

func size(t *testing.T, c child) int {
	t.Helper()
	o, err := trimmed(c.live)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return len(encoded)
}

func trimmed(o client.Object) (client.Object, error) {
	out, err := trimChild(o.DeepCopyObject())
	return out.(client.Object), err
}

// reconcilerOfEverything has no cache, and a server with a child of every kind
// that each cluster has.
func reconcilerOfEverything(t *testing.T) (*Reconciler, *v1alpha1.SecuredMCPServer) {
	t.Helper()
	c, err := client.New(kubetest.Config(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "cache-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("../config/samples/billing-tools.yaml")
	if err != nil {
		t.Fatal(err)
	}
	server := new(v1alpha1.SecuredMCPServer)
	if err := yaml.UnmarshalStrict(raw, server); err != nil {
		t.Fatal(err)
	}
	server.Namespace, server.UID = ns.Name, "1"
	server.Spec.Workload.Replicas, server.Spec.Workload.Autoscaling = nil, &v1alpha1.Autoscaling{MaxReplicas: 3}
	return &Reconciler{client: client.WithFieldOwner(c, FieldOwner), live: c, apis: new(APIs), platform: Platform{RuntimeImage: "runtime:1"}}, server
}

func childrenAsTheyAre(t *testing.T, r *Reconciler, server *v1alpha1.SecuredMCPServer) []child {
	t.Helper()
	children, err := r.findChildren(t.Context(), newScope(server), server, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return children
}

func TestTheCacheDropsWhatKubectlLeavesInAServer(t *testing.T) {
	server := &v1alpha1.SecuredMCPServer{ObjectMeta: metav1.ObjectMeta{
		Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "example.com/note": "x"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
	}}
	if _, err := trimServer(server); err != nil {
		t.Fatal(err)
	}
	if len(server.ManagedFields) > 0 || len(server.Annotations) != 1 || server.Annotations["example.com/note"] == "" {
		t.Errorf("%+v is left, want the note alone", server.ObjectMeta)
	}
}

func TestTheCacheKeepsOfAPodWhatItWasTold(t *testing.T) {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{desired.AnnotationConfigRevision: "r", "cni.projectcalico.org/podIP": "x"}},
		Spec:       corev1.PodSpec{NodeName: "node", ServiceAccountName: "a"},
	}
	if _, err := trimPod(p); err != nil {
		t.Fatal(err)
	}
	if len(p.Annotations) != 1 || p.Annotations[desired.AnnotationConfigRevision] != "r" || p.Spec.NodeName != "node" || p.Spec.ServiceAccountName != "" {
		t.Errorf("%+v of %+v is left, want the node and the revision", p.Spec, p.ObjectMeta)
	}
}

func TestTheCacheKeepsOfAPodWhetherItSpeaksTLS(t *testing.T) {
	pod := func(container, port string) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: container, Image: "a", Ports: []corev1.ContainerPort{{Name: port}}}}}}
	}
	for name, test := range map[string]struct {
		pod  *corev1.Pod
		want bool
	}{
		"a runtime that does":   {pod(desired.ContainerName, "https"), true},
		"one that does not":     {pod(desired.ContainerName, "http"), false},
		"a container beside it": {pod("sidecar", "https"), false},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // what has been trimmed is trimmed again
				if _, err := trimPod(test.pod); err != nil {
					t.Fatal(err)
				}
				left := test.pod.Spec.Containers
				if got := speaksTLS(test.pod); got != test.want || (len(left) > 0) != test.want || test.want && left[0].Image != "" {
					t.Errorf("speaks TLS: %t, want %t; of the containers %+v is left", got, test.want, left)
				}
			}
		})
	}
}

func TestTheCacheKnowsWhatPodsAreGiven(t *testing.T) {
	for name, test := range map[string]struct {
		data map[string]string
		want map[string]string
	}{
		"a configuration": {
			map[string]string{desired.ConfigKey: `{"resource": "https://a.example.com", "tools": [{}, {}]}`, "note": "x"},
			map[string]string{servedKey: `{"revision":"` + config.Revision([]byte(`{"resource": "https://a.example.com", "tools": [{}, {}]}`)) + `","resource":"https://a.example.com","tools":2}`},
		},
		"something that somebody has written in its place": {
			map[string]string{desired.ConfigKey: "{"},
			map[string]string{servedKey: `{"revision":"` + config.Revision([]byte("{")) + `","broken":true}`},
		},
		"none": {map[string]string{"note": "x"}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			cm := &corev1.ConfigMap{Data: test.data}
			for range 2 { // what was cached may come by again
				if _, err := trimChild(cm); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, cm.Data); diff != "" {
					t.Errorf("the cache has (-want +got)\n%s", diff)
				}
			}
		})
	}
}
