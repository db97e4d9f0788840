package controllers

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

func TestAllGatewaysHaveToAcceptTheRouteAsItIsNow(t *testing.T) {
	const generation = 3
	says := func(controller string, ref parentRef, conditions ...metav1.Condition) routeParent {
		return routeParent{ParentRef: ref, ControllerName: controller, Conditions: conditions}
	}
	condition := func(name string, status metav1.ConditionStatus, observed int64) metav1.Condition {
		return metav1.Condition{Type: name, Status: status, Reason: "Because", Message: "so it is", ObservedGeneration: observed}
	}
	accepted, resolved := condition("Accepted", "True", generation), condition("ResolvedRefs", "True", generation)
	public := parentRef{Name: "public", Namespace: "edge", SectionName: "https"}
	const pending, refused = "RoutePending", "RouteNotAccepted"
	tests := map[string]struct {
		parents []routeParent
		want    string
		message string
	}{
		"nobody speaks": {
			nil, pending, "no controller has said whether it takes the HTTPRoute for Gateway edge/public, listener https",
		},
		"accepted and resolved":                {[]routeParent{says("a", public, accepted, resolved)}, "", ""},
		"named with its defaults":              {[]routeParent{says("a", parentRef{"gateway.networking.k8s.io", "Gateway", "edge", "public", "https", 0}, accepted, resolved)}, "", ""},
		"another listener of it":               {[]routeParent{says("a", parentRef{Name: "public", Namespace: "edge", SectionName: "http"}, accepted, resolved)}, pending, ""},
		"a Gateway of that name elsewhere":     {[]routeParent{says("a", parentRef{Name: "public", SectionName: "https"}, accepted, resolved)}, pending, ""},
		"something else of that name":          {[]routeParent{says("a", parentRef{Kind: "Service", Name: "public", Namespace: "edge", SectionName: "https"}, accepted, resolved)}, pending, ""},
		"accepted as it was before":            {[]routeParent{says("a", public, condition("Accepted", "True", generation-1), resolved)}, pending, ""},
		"resolved as it was before":            {[]routeParent{says("a", public, accepted, condition("ResolvedRefs", "True", generation-1))}, pending, ""},
		"half of what there is to say":         {[]routeParent{says("a", public, accepted)}, pending, "a has not said whether the HTTPRoute is ResolvedRefs by Gateway edge/public, listener https"},
		"not known":                            {[]routeParent{says("a", public, condition("Accepted", "Unknown", generation), resolved)}, pending, ""},
		"refused by the one that accepts none": {[]routeParent{says("a", public, condition("Accepted", "False", generation), resolved)}, refused, "a says of Gateway edge/public, listener https that Accepted is False: Because: so it is"},
		"accepted without what it refers to":   {[]routeParent{says("a", public, accepted, condition("ResolvedRefs", "False", generation))}, refused, ""},
		"of two controllers one accepts":       {[]routeParent{says("b", public, accepted, resolved), says("a", public, condition("Accepted", "False", generation))}, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := route{}
			r.Metadata.Namespace, r.Metadata.Generation, r.Status.Parents = "billing", generation, test.parents
			reason, message := r.holdup(public)
			if reason != test.want || (test.message != "" && message != test.message) {
				t.Errorf("got %q: %q, want %q: %q", reason, message, test.want, test.message)
			}
		})
	}
}

// Nobody puts a route right of which nobody knows what was asked for.
func TestARouteOfNoGatewayIsNotExposed(t *testing.T) {
	s := newScope(&v1alpha1.SecuredMCPServer{})
	s.judgeHTTPRoute(httpRoute.object())
	got := meta.FindStatusCondition(s.status.Conditions, v1alpha1.ConditionExposed)
	if got.Status != metav1.ConditionFalse || got.Reason != v1alpha1.ReasonRoutePending {
		t.Errorf("Exposed is %s, %s: %s", got.Status, got.Reason, got.Message)
	}
}
