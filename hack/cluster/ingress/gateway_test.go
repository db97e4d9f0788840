package ingress

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
)

func addOfGatewayAPI(t *testing.T, snap *snapshot, doc []byte) {
	t.Helper()
	object := new(unstructured.Unstructured)
	if err := yaml.Unmarshal(doc, &object.Object); err != nil {
		t.Fatal(err)
	}
	add := map[string]func(*unstructured.Unstructured) error{"GatewayClass": snap.addClass, "Gateway": snap.addGateway, "HTTPRoute": snap.addRoute}
	if err := add[object.GetKind()](object); err != nil {
		t.Fatal(err)
	}
}

// attached is testdata/gateway.yaml with its Secret, judged.
func attached(t *testing.T) *snapshot {
	t.Helper()
	snap := load(t, "testdata/gateway.yaml")
	addSecret(t, snap, "good.example.com")
	snap.attachRoutes("192.0.2.1")
	return snap
}

// words are the conditions as "Accepted=True Accepted: message".
func words(conditions []metav1.Condition) []string {
	var out []string
	for _, c := range conditions {
		word := c.Type + "=" + string(c.Status) + " " + c.Reason
		if c.Message != "" {
			word += ": " + c.Message
		}
		out = append(out, word)
	}
	return out
}

func TestRoutesAreToldWhatComesOfThem(t *testing.T) {
	snap := attached(t)
	const yes, resolved = "Accepted=True Accepted", "ResolvedRefs=True ResolvedRefs"
	want := map[string][]string{
		"exact":           {yes, resolved},
		"prefix":          {yes, resolved},
		"elsewhere":       {"Accepted=False NotAllowedByListeners: listener no-secret takes no routes of namespace team", resolved},
		"stranger":        {"Accepted=False NotAllowedByListeners: listener http takes no routes of namespace team", resolved},
		"without-backend": {yes, "ResolvedRefs=False BackendNotFound: there is no Service team/missing"},
	}
	for _, r := range snap.routes {
		t.Run(r.Name, func(t *testing.T) {
			if len(r.Status.Parents) != 1 { // the Gateway of another class is another controller's
				t.Fatalf("%d parents, want 1", len(r.Status.Parents))
			}
			parent := r.Status.Parents[0]
			if diff := cmp.Diff(want[r.Name], words(parent.Conditions)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if parent.Conditions[0].ObservedGeneration != r.Generation || parent.ParentRef != r.Spec.ParentRefs[0] || parent.ControllerName != ControllerName {
				t.Errorf("parent %+v, want generation %d", parent, r.Generation)
			}
		})
	}
}

func TestGatewaysAreToldWhatComesOfThem(t *testing.T) {
	snap := attached(t)
	if len(snap.gateways) != 1 {
		t.Fatalf("%d Gateways, want that of our class alone", len(snap.gateways))
	}
	g := snap.gateways[types.NamespacedName{Namespace: "web", Name: "public"}]
	var got []string
	for _, l := range g.Status.Listeners {
		got = append(got, l.Name+" "+strings.Repeat("+", int(l.AttachedRoutes))+" "+strings.Join(words(l.Conditions), ", "))
	}
	want := []string{
		"https +++ Accepted=True Accepted, Programmed=True Programmed, ResolvedRefs=True ResolvedRefs",
		"http + Accepted=True Accepted, Programmed=True Programmed, ResolvedRefs=True ResolvedRefs",
		"other-port  Accepted=False PortUnavailable: want port 80 for HTTP or 443 for HTTPS, not 8443, " +
			"Programmed=False Invalid: want port 80 for HTTP or 443 for HTTPS, not 8443, ResolvedRefs=True ResolvedRefs",
		"no-secret  Accepted=True Accepted, Programmed=False Invalid: there is no Secret missing, ResolvedRefs=False InvalidCertificateRef: there is no Secret missing",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]gatewayAddress{{Type: "IPAddress", Value: "192.0.2.1"}}, g.Status.Addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestWhatOthersWroteOfARouteStays(t *testing.T) {
	snap := load(t, "testdata/gateway.yaml")
	r := snap.routes[0]
	theirs := routeParent{ParentRef: parentRef{Name: "foreign"}, ControllerName: "example.com/other"}
	gone := routeParent{ParentRef: parentRef{Name: "gone", Kind: "Gateway"}, ControllerName: ControllerName}
	r.Status.Parents = []routeParent{theirs, gone}
	snap.attachRoutes("192.0.2.1")
	if len(r.Status.Parents) != 2 || r.Status.Parents[0].ControllerName != theirs.ControllerName || r.Status.Parents[1].ParentRef.Name != "public" {
		t.Errorf("parents %+v, want theirs and public", r.Status.Parents)
	}
}
