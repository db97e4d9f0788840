package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// The conditions by which the controller of a Gateway says that it routes an
// HTTPRoute, in the order in which they are looked at.
var routeConditions = []string{"Accepted", "ResolvedRefs"}

// route is what an HTTPRoute says of the Gateways that it wants and has.
type route struct {
	Metadata struct {
		Namespace  string `json:"namespace"`
		Generation int64  `json:"generation"`
	} `json:"metadata"`
	Spec struct {
		ParentRefs []parentRef `json:"parentRefs"`
	} `json:"spec"`
	Status struct {
		Parents []routeParent `json:"parents"`
	} `json:"status"`
}

// routeParent is what one controller says of one parent.
type routeParent struct {
	ParentRef      parentRef          `json:"parentRef"`
	ControllerName string             `json:"controllerName"`
	Conditions     []metav1.Condition `json:"conditions"`
}

type parentRef struct {
	Group       string `json:"group"`
	Kind        string `json:"kind"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	SectionName string `json:"sectionName"`
	Port        int32  `json:"port"`
}

// judgeHTTPRoute sets Exposed from what the controllers of Gateways say: all must
// accept the route as it is now.
func (s *scope) judgeHTTPRoute(o *unstructured.Unstructured) {
	if o.GetDeletionTimestamp() != nil {
		s.judgeLeaving(httpRoute.kind, o)
		return
	}
	var r route
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &r); err != nil {
		s.unknown(v1alpha1.ConditionExposed, v1alpha1.ReasonRoutePending, "the status of the HTTPRoute cannot be read: "+err.Error())
		return
	}
	if len(r.Spec.ParentRefs) == 0 { // edited by hand while nobody knows what was accepted last
		s.no(v1alpha1.ConditionExposed, v1alpha1.ReasonRoutePending, "the HTTPRoute names no Gateway")
		return
	}
	var names []string
	for _, parent := range r.Spec.ParentRefs {
		if reason, message := r.holdup(parent); reason != "" {
			s.no(v1alpha1.ConditionExposed, reason, message)
			if reason == v1alpha1.ReasonRoutePending {
				s.expect(v1alpha1.ConditionExposed, propagationPatience)
			}
			return
		}
		names = append(names, r.name(parent))
	}
	s.routed("the HTTPRoute is accepted by " + strings.Join(names, " and "))
}

// holdup is why parent does not route r, or "" if it does. A Gateway has one
// controller; should several speak of it, one that accepts the route is enough.
func (r *route) holdup(parent parentRef) (reason, message string) {
	reason = v1alpha1.ReasonRoutePending
	message = "no controller has said whether it takes the HTTPRoute for " + r.name(parent)
	for _, said := range r.saidOf(parent) {
		reason, message = r.judge(said)
		if reason == "" {
			return "", ""
		}
	}
	return reason, message
}

// saidOf returns what controllers say of parent, in the order of their names.
func (r *route) saidOf(parent parentRef) []routeParent {
	said := slices.DeleteFunc(slices.Clone(r.Status.Parents), func(p routeParent) bool {
		return r.complete(p.ParentRef) != r.complete(parent)
	})
	slices.SortFunc(said, func(a, b routeParent) int { return cmp.Compare(a.ControllerName, b.ControllerName) })
	return said
}

func (r *route) judge(p routeParent) (reason, message string) {
	for _, name := range routeConditions {
		c := meta.FindStatusCondition(p.Conditions, name)
		switch {
		case c == nil || c.ObservedGeneration != r.Metadata.Generation || c.Status == metav1.ConditionUnknown:
			return v1alpha1.ReasonRoutePending, fmt.Sprintf("%s has not said whether the HTTPRoute is %s by %s", p.ControllerName, name, r.name(p.ParentRef))
		case c.Status != metav1.ConditionTrue:
			return v1alpha1.ReasonRouteNotAccepted, fmt.Sprintf("%s says of %s that %s is False: %s: %s", p.ControllerName, r.name(p.ParentRef), name, c.Reason, c.Message)
		}
	}
	return "", ""
}

// complete fills in the defaults, so that references to one thing are equal.
func (r *route) complete(p parentRef) parentRef {
	p.Group = cmp.Or(p.Group, httpRoute.version.Group)
	p.Kind = cmp.Or(p.Kind, "Gateway")
	p.Namespace = cmp.Or(p.Namespace, r.Metadata.Namespace)
	return p
}

// name is what people call a parent.
func (r *route) name(p parentRef) string {
	p = r.complete(p)
	name := fmt.Sprintf("%s %s/%s", p.Kind, p.Namespace, p.Name)
	if p.SectionName != "" {
		name += ", listener " + p.SectionName
	}
	if p.Port != 0 {
		name += fmt.Sprintf(", port %d", p.Port)
	}
	return name
}
