package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// strangersPeriod is how often to look whether an object that is not ours is
// still in the way: the cache does not hold it, so no watch reports its end.
const strangersPeriod = time.Minute

// acceptSpec decides whether the spec can be served. If not, what was accepted last
// serves on, and the rest of the pass keeps it as it should be.
func (r *Reconciler) acceptSpec(ctx context.Context, s *scope) error {
	config, invalid, err := r.render(s.server)
	switch {
	case err != nil:
		return err
	case invalid != nil:
		s.invalid = invalid
		s.no(v1alpha1.ConditionAccepted, v1alpha1.ReasonInvalidSpec, invalid.Error())
		return r.serveLast(ctx, s, nil)
	}
	objection, err := r.objectTo(ctx, s, s.server)
	if err != nil {
		return err
	}
	if objection != nil {
		s.no(v1alpha1.ConditionAccepted, objection.reason, objection.message)
		return r.serveLast(ctx, s, s.server)
	}
	children, err := r.findChildren(ctx, s, s.server, config)
	if err != nil {
		return err
	}
	if strangers := s.findStrangers(children); len(strangers) > 0 {
		s.no(v1alpha1.ConditionAccepted, v1alpha1.ReasonNameConflict, strings.Join(strangers, "; ")+leftAlone)
		return nil // in the way of what was accepted last, too
	}
	r.kept.Delete(client.ObjectKeyFromObject(s.server))
	s.accepted, s.serving, s.children = true, s.server, children
	s.yes(v1alpha1.ConditionAccepted, v1alpha1.ReasonAccepted, "the spec is valid")
	return nil
}

// render returns the encoded RuntimeConfig of server, or why its spec has none.
func (r *Reconciler) render(server *v1alpha1.SecuredMCPServer) (encoded []byte, invalid, err error) {
	rendered, err := r.platform.Cluster.RuntimeConfig(server)
	if err != nil {
		return nil, err, nil
	}
	encoded, err = config.Encode(rendered)
	return encoded, nil, err
}

// objectTo says why server may not be served as its spec asks.
func (r *Reconciler) objectTo(ctx context.Context, s *scope, server *v1alpha1.SecuredMCPServer) (*objection, error) {
	if objection, err := r.objectToURL(ctx, s, server); objection != nil || err != nil {
		return objection, err
	}
	return r.policy.object(server), nil
}

// objectToURL says why the server may not be reached by the resource of its spec.
func (r *Reconciler) objectToURL(ctx context.Context, s *scope, server *v1alpha1.SecuredMCPServer) (*objection, error) {
	if objection := r.policy.objectToHost(server); objection != nil {
		return objection, nil
	}
	older, err := r.olderClaim(ctx, server, claimsAsked(server))
	if err != nil {
		return nil, fmt.Errorf("looking for other claims of %s: %w", server.Spec.Resource, err)
	}
	if older != nil {
		return &objection{v1alpha1.ReasonResourceConflict, conflict(server, older)}, nil
	}
	return r.objectToLeftBehind(ctx, s, server)
}

// conflict says how the claims of server and of an older one collide.
func conflict(server, older *v1alpha1.SecuredMCPServer) string {
	resource, key := server.Spec.Resource, client.ObjectKeyFromObject(older)
	if canonical(resource) == canonical(older.Spec.Resource) {
		return fmt.Sprintf("spec.resource %s belongs to the older SecuredMCPServer %s; want another resource here, or that one changed or deleted", resource, key)
	}
	if servesOther(older) && shareClaims(claimsAsked(server), claimsServed(older)) {
		return fmt.Sprintf("spec.resource %s is what the older SecuredMCPServer %s still serves, as %s, since its newest spec is not accepted; "+
			"want another resource here, or that one mended or deleted", resource, key, older.Status.URL)
	}
	return fmt.Sprintf("a route for spec.resource %s would take what belongs to the older SecuredMCPServer %s with %s: routes cannot tell ports apart; "+
		"want another host or path here, or that one changed or deleted", resource, key, older.Spec.Resource)
}

func shareClaims(a, b []string) bool {
	return slices.ContainsFunc(a, func(claim string) bool { return slices.Contains(b, claim) })
}

const leftAlone = "; it is left alone; delete it, or give this SecuredMCPServer another name"

// essential are the children without which nothing can be served, or not safely.
var essential = map[string]bool{
	kindServiceAccount: true, kindConfigMap: true, kindService: true, kindNetworkPolicy: true, kindDeployment: true,
}

// findStrangers looks for objects that have a child's name and are not ours. It
// returns those in place of essential children; the others are told of in the
// condition that they belong to.
func (s *scope) findStrangers(children []child) []string {
	var found []string
	for i := range children {
		c := &children[i]
		if !c.wanted || !c.exists() || ours(c.live, s.server) {
			continue
		}
		s.soonest(strangersPeriod)
		stranger := fmt.Sprintf("%s %s exists and %s", c.kind, c.live.GetName(), whose(c.live))
		if essential[c.kind] {
			found = append(found, stranger)
		} else {
			s.strange[c.kind] = stranger + leftAlone
		}
	}
	slices.Sort(found)
	return found
}

// ours tells whether server may change o: it controls o, or nobody does and our
// field ownership shows that an earlier server of this name left o behind
// (kubectl delete --cascade=orphan, a restored backup).
func ours(o client.Object, server *v1alpha1.SecuredMCPServer) bool {
	if metav1.GetControllerOf(o) != nil {
		return metav1.IsControlledBy(o, server)
	}
	return slices.ContainsFunc(o.GetManagedFields(), appliedByUs)
}

func whose(o client.Object) string {
	if c := metav1.GetControllerOf(o); c != nil {
		return fmt.Sprintf("belongs to %s %s (uid %s)", c.Kind, c.Name, c.UID)
	}
	return "was not made by this operator"
}
