package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// serveLast has what was accepted last serve on while the newest spec is not accepted:
// its children are kept as they should be. valid is the server if its spec says what
// pods could enforce, and only something else is wrong with it: then they are given
// that, since a revocation does not wait for an administrator.
func (r *Reconciler) serveLast(ctx context.Context, s *scope, valid *v1alpha1.SecuredMCPServer) error {
	accepted, err := r.recall(ctx, s.server)
	if err != nil {
		return fmt.Errorf("reading what was accepted last: %w", err)
	}
	last, err := accepted.Of(s.server)
	if last == nil || err != nil { // or of an API that this operator does not know
		return r.serveUnknown(ctx, s, valid)
	}
	r.keep(last)
	mixed, err := r.mix(ctx, valid, last)
	if err != nil {
		return err
	}
	if mixed != nil {
		if serves, err := r.serveAs(ctx, s, mixed); serves || err != nil {
			return err
		}
	}
	s.undelivered(valid)
	_, err = r.serveAs(ctx, s, last)
	return err
}

// mix returns valid, if there is such a server, with how and where pods run as last has it,
// nil if pods could not be given what that says.
func (r *Reconciler) mix(ctx context.Context, valid, last *v1alpha1.SecuredMCPServer) (*v1alpha1.SecuredMCPServer, error) {
	if valid == nil || valid.Spec.Resource != last.Spec.Resource { // nobody would reach them
		return nil, nil
	}
	mixed, err := desired.WithWorkloadOf(valid, last)
	if err != nil {
		return nil, err
	}
	if r.policy.objectToPods(mixed) == nil {
		return mixed, nil // they get the files that it names
	}
	if same, err := r.sameFiles(ctx, mixed); !same || err != nil {
		return nil, err
	}
	return mixed, nil
}

// serveUnknown leaves what runs as it is, where nobody knows how it should be, and has the
// status say so.
func (r *Reconciler) serveUnknown(ctx context.Context, s *scope, valid *v1alpha1.SecuredMCPServer) error {
	var d appsv1.Deployment
	if err := r.own(ctx, s.server, &d); err != nil {
		return fmt.Errorf("reading Deployment: %w", err)
	}
	if d.UID == "" {
		return nil // nothing has been accepted
	}
	err := r.giveConfiguration(ctx, s, valid)
	if len(s.children) == 0 {
		s.undelivered(valid)
	}
	s.add(v1alpha1.ConditionAccepted, unknownLast)
	return err
}

// undelivered has Accepted say that pods could enforce valid, if there is such a server, and
// are not given it: Enforced is True of what was accepted last, and who revokes has to know.
func (s *scope) undelivered(valid *v1alpha1.SecuredMCPServer) {
	if valid != nil {
		s.add(v1alpha1.ConditionAccepted, "pods are given nothing of this spec, and no revocation that is in it, "+
			"since its resource is another than they serve or they have not the files that it names")
	}
}

// giveConfiguration has pods of which nobody knows what else was accepted be given what
// valid, if there is such a server, says about their URL, unless it names files that they
// do not have. Nothing but their ConfigMap is applied.
func (r *Reconciler) giveConfiguration(ctx context.Context, s *scope, valid *v1alpha1.SecuredMCPServer) error {
	given, _, err := r.given(ctx, s.server)
	if err != nil || valid == nil || given == nil || given.Resource != valid.Spec.Resource {
		return err
	}
	if same, err := r.sameFiles(ctx, valid); !same || err != nil {
		return err
	}
	config, invalid, err := r.render(valid)
	if invalid != nil || err != nil {
		return err
	}
	c := newChild(kindConfigMap, &corev1.ConfigMap{}, desired.ConfigMap(valid, config))
	if err := r.find(ctx, s, &c); err != nil {
		return fmt.Errorf("reading %s: %w", c.kind, err)
	}
	if c.exists() && ours(c.live, valid) {
		s.children = []child{c}
	}
	return nil
}

// serveAs has the pass keep the children of server, which is the newest with a spec that
// is not the newest: as far as nobody objects to that by now. It tells whether pods can
// be given what it says.
func (r *Reconciler) serveAs(ctx context.Context, s *scope, server *v1alpha1.SecuredMCPServer) (bool, error) {
	config, invalid, err := r.render(server)
	if invalid != nil || err != nil {
		return false, err // an older operator took it
	}
	leave, err := r.leftAsTheyAre(ctx, s, server)
	if err != nil {
		return false, err
	}
	children, err := r.findChildren(ctx, s, server, config)
	if err != nil {
		return false, err
	}
	r.keep(server)
	s.serving = server
	if strangers := s.findStrangers(children); len(strangers) > 0 {
		s.add(v1alpha1.ConditionAccepted, "what was accepted last cannot be kept as it should be: "+strings.Join(strangers, "; ")+leftAlone)
		return true, nil
	}
	s.children = slices.DeleteFunc(children, func(c child) bool { return slices.Contains(leave, c.kind) })
	return true, nil
}

// leftAsTheyAre are the kinds of children of server that are not applied: routes that may
// not be, which withdrawRoutes removes, and a Deployment that the operator's policy objects
// to, which runs on.
func (r *Reconciler) leftAsTheyAre(ctx context.Context, s *scope, server *v1alpha1.SecuredMCPServer) (kinds []string, err error) {
	url, err := r.objectToURL(ctx, s, server)
	if err != nil {
		return nil, err
	}
	if cmp.Or(url, r.policy.objectToIngressNames(server)) != nil {
		kinds = append(kinds, kindIngress, kindCertificate, httpRoute.kind)
	}
	if r.policy.objectToPods(server) != nil {
		kinds = append(kinds, kindDeployment)
	}
	return kinds, nil
}

// unknownLast is what becomes of a server whose last accepted spec has been lost.
const unknownLast = "the ConfigMap or the ServiceAccount that keeps what was accepted last is gone, was edited or has no room for it: " +
	"what else somebody deletes or edits stays so until a spec is accepted"
