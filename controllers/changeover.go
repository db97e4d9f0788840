package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/securedmcp/operator/controllers/internal/desired"
)

// changeover is how far the pods of a server are in being replaced by ones that
// speak TLS, or that no longer do. Both ports are open meanwhile, and routes lead to
// one of them.
type changeover struct {
	// wanted tells whether pods are to speak TLS.
	wanted bool
	// underWay tells that there are pods that do not speak as they are to.
	underWay bool
	// tls tells whether routes lead to the pods that speak TLS.
	tls bool
	// again is when that may be otherwise though no pod changes; 0 is never.
	again time.Duration
}

// settling is for how long a new pod is ready before it counts: by then those know of
// it who find the pods that a route leads to, and take it for one that serves.
const settling = 5 * time.Second

// routesStay tells that routes lead to the pods of before.
func (c changeover) routesStay() bool { return c.tls != c.wanted }

// changeoverOf goes by how many pods of each kind are ready. The new ones take over
// once they are as many as the others, so that few never get what was meant for many,
// and new ones that do not start take nothing away. Pods that are being deleted do
// not count: they end what they have. ready tells for how long a pod has been ready,
// and is asked of both kinds: whoever changes their mind makes new ones of the others.
// Where routes lead to the new ones already, those have settled, also for an operator
// that has just started.
func changeoverOf(pods []corev1.Pod, wanted bool, routes []child, ready func(*corev1.Pod) time.Duration) changeover {
	c := changeover{wanted: wanted, tls: wanted}
	c.underWay = slices.ContainsFunc(pods, func(p corev1.Pod) bool { return speaksTLS(&p) != wanted && !isOver(&p) })
	if !c.underWay {
		return c
	}
	var before, after, settled int
	for i := range pods {
		p := &pods[i]
		if !isReady(p) || !p.DeletionTimestamp.IsZero() {
			continue
		}
		left := settling - ready(p)
		if speaksTLS(p) != wanted {
			before++
			continue
		}
		after++
		if left <= 0 {
			settled++
		} else if c.again == 0 || left < c.again {
			c.again = left
		}
	}
	if before == 0 || allLead(routes, wanted) { // nobody else serves, or they do already
		settled, c.again = after, 0
	}
	if settled == 0 || settled < before {
		c.tls = !wanted
	}
	return c
}

// allLead tells whether there are routes, and all lead to pods that speak so.
func allLead(routes []child, tls bool) bool {
	return len(routes) > 0 && !slices.ContainsFunc(routes, func(c child) bool { return leadsToTLS(c.live) != tls })
}

// speaksTLS goes by the port of the runtime, which is all that the cache keeps of
// containers. Somebody may have put others beside it, with ports of the same name.
func speaksTLS(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Spec.Containers, func(c corev1.Container) bool {
		return c.Name == desired.ContainerName &&
			slices.ContainsFunc(c.Ports, func(port corev1.ContainerPort) bool { return port.Name == desired.PortHTTPS })
	})
}

// isOver tells whether p will never run again.
func isOver(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// followPods leads the routes that no spec speaks for to the pods that serve: those that
// the pass leaves as they are, and those that go when another has taken their place. A
// changeover goes on without the spec that began it, and whatever becomes of the
// other route. Where this fails it is tried again, and nothing else waits for it.
func (r *Reconciler) followPods(ctx context.Context, s *scope) error {
	if s.accepted && len(s.outgoing) == 0 || s.objection != nil || s.evictedBy != nil {
		return nil
	}
	if err := r.leadToPods(ctx, s); err != nil {
		s.failures = append(s.failures, err)
	}
	return nil
}

func (r *Reconciler) leadToPods(ctx context.Context, s *scope) error {
	routes, err := r.routes(ctx, s.server)
	if err != nil || len(routes) == 0 {
		return err
	}
	tls, err := r.appliedTLS(ctx, s)
	if err != nil {
		return err
	}
	change := changeoverOf(s.pods, tls, routes, r.ready.of(client.ObjectKeyFromObject(s.server)))
	s.lookAgain(change)
	var errs []error
	for i := range routes {
		if s.applies(routes[i].kind) || leadsToTLS(routes[i].live) == change.tls {
			continue
		}
		if err := r.lead(ctx, &routes[i], change.tls); err != nil {
			errs = append(errs, fmt.Errorf("leading %s to the pods that serve: %w", routes[i].kind, err))
		}
	}
	return errors.Join(errs...)
}

// lookAgain has the server looked at when routes may have to lead elsewhere.
func (s *scope) lookAgain(c changeover) {
	if c.again > 0 {
		s.soonest(c.again)
	}
}

// appliedTLS tells whether the newest template is of pods that speak TLS.
func (r *Reconciler) appliedTLS(ctx context.Context, s *scope) (bool, error) {
	var d appsv1.Deployment
	if err := r.own(ctx, s.server, &d); err != nil {
		return false, fmt.Errorf("reading Deployment: %w", err)
	}
	applied, err := appliedOf(&d)
	return applied.TLS, err
}

// applies tells whether the pass applies a child of this kind.
func (s *scope) applies(kind string) bool {
	for i := range s.children {
		if c := &s.children[i]; c.kind == kind && c.wanted {
			return true
		}
	}
	return false
}

func leadsToTLS(route client.Object) bool {
	switch route := route.(type) {
	case *networkingv1.Ingress:
		return desired.IngressLeadsToTLS(route)
	case *unstructured.Unstructured:
		return desired.HTTPRouteLeadsToTLS(route)
	}
	return false
}

// lead applies what was applied last, with nothing changed but where it leads. A route
// whose rules somebody has taken over leads where they want.
func (r *Reconciler) lead(ctx context.Context, route *child, tls bool) error {
	uid := route.live.GetUID()
	// The cache does not hold which fields are ours.
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(route.live), route.live); err != nil {
		return client.IgnoreNotFound(err)
	}
	if route.live.GetUID() != uid {
		return nil // another of its name has come, and wakes the next pass
	}
	fields, err := extractFields(route.live)
	if err != nil {
		return err
	}
	var leads bool
	var configuration runtime.ApplyConfiguration
	switch fields := fields.(type) {
	case *networkingv1ac.IngressApplyConfiguration:
		leads = desired.LeadIngress(fields, tls)
		configuration = fields.WithUID(uid)
	case map[string]any:
		o := &unstructured.Unstructured{Object: fields}
		leads = desired.LeadHTTPRoute(o, tls)
		identifyAs(o, route.live.(*unstructured.Unstructured))
		configuration = client.ApplyConfigurationFromUnstructured(o)
	}
	if !leads {
		return nil
	}
	if err := r.client.Apply(ctx, configuration, client.ForceOwnership); err != nil {
		return err
	}
	log.FromContext(ctx).Info("led to other pods", "kind", route.kind, "tls", tls)
	return nil
}

// identifyAs makes o the same object as other.
func identifyAs(o, other *unstructured.Unstructured) {
	o.SetGroupVersionKind(other.GroupVersionKind())
	o.SetNamespace(other.GetNamespace())
	o.SetName(other.GetName())
	o.SetUID(other.GetUID())
}
