package controllers

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// claimIndex finds servers by what they claim.
const claimIndex = "claims"

// claims are what only one server of the cluster can have: what it asks for, and
// what it serves, which is something else while its newest spec is not accepted.
func claims(s *v1alpha1.SecuredMCPServer) []string {
	all := claimsAsked(s)
	for _, claim := range claimsServed(s) {
		if !slices.Contains(all, claim) {
			all = append(all, claim)
		}
	}
	return all
}

// claimsServed are the claims of what s serves, as its status has it.
func claimsServed(s *v1alpha1.SecuredMCPServer) []string {
	if s.Status.URL == "" {
		return nil
	}
	return claimsOf(s.Status.URL, mayBeRouted(s))
}

// mayBeRouted tells whether there may be a route to what s serves, whatever the spec
// asks for: an edit that is not accepted takes none away.
func mayBeRouted(s *v1alpha1.SecuredMCPServer) bool {
	c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionExposed)
	return c == nil || c.Reason != v1alpha1.ReasonClusterLocal
}

// servesOther tells whether s serves another resource than it asks for.
func servesOther(s *v1alpha1.SecuredMCPServer) bool {
	return s.Status.URL != "" && canonical(s.Status.URL) != canonical(s.Spec.Resource)
}

// claimsAsked are the claims of the spec: the resource and, if s wants an Ingress or
// an HTTPRoute, what that routes.
func claimsAsked(s *v1alpha1.SecuredMCPServer) []string {
	return claimsOf(s.Spec.Resource, exposed(s))
}

// exposed tells whether s asks to be reached from outside of the cluster.
func exposed(s *v1alpha1.SecuredMCPServer) bool {
	return s.Spec.Exposure.Ingress != nil || s.Spec.Exposure.Gateway != nil
}

func claimsOf(resource string, exposed bool) []string {
	all := []string{"resource " + canonical(resource)}
	if exposed {
		for _, route := range desired.Routes(resource) {
			all = append(all, "route "+route)
		}
	}
	return all
}

// canonical is resource in the form in which equal URIs are equal strings: scheme
// and host in lower case (RFC 3986 section 6.2.2.1), without the scheme's default
// port (section 6.2.3).
func canonical(resource string) string {
	u, err := url.Parse(resource)
	if err != nil {
		return resource
	}
	u.Host = strings.ToLower(u.Host)
	if port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]; port != "" {
		u.Host = strings.TrimSuffix(u.Host, port)
	}
	return u.String()
}

// claimants returns the servers that have any of the claims, some of them more
// than once.
func claimants(ctx context.Context, c client.Reader, claims []string) ([]v1alpha1.SecuredMCPServer, error) {
	var all []v1alpha1.SecuredMCPServer
	for _, claim := range claims {
		var some v1alpha1.SecuredMCPServerList
		// What the operator writes of a claim, the URL that is served, was asked for before:
		// there is no write of its own to wait for.
		if err := c.List(ctx, &some, client.MatchingFields{claimIndex: claim}, client.DisableReadYourWritesConsistency); err != nil {
			return nil, err
		}
		all = append(all, some.Items...)
	}
	return all, nil
}

// olderClaim returns the oldest server with any of the claims that is older than
// server, or nil. One that is being deleted has its claims until it has gone:
// something may keep it, and its pods answer until then.
func (r *Reconciler) olderClaim(ctx context.Context, server *v1alpha1.SecuredMCPServer, claims []string) (*v1alpha1.SecuredMCPServer, error) {
	others, err := claimants(ctx, r.client, claims)
	if err != nil {
		return nil, err
	}
	oldest := server
	for i := range others {
		if other := &others[i]; older(other, oldest) && shareClaims(claims, r.policy.allowedClaims(other)) {
			oldest = other
		}
	}
	if oldest.UID == server.UID {
		return nil, nil
	}
	return oldest, nil
}

// allowedClaims are the claims of s that count: those by a host that its namespace may
// use. What s serves is judged apart from what it asks for, which may be a mistake.
func (p *Policy) allowedClaims(s *v1alpha1.SecuredMCPServer) []string {
	var all []string
	if p.objectToHost(s) == nil {
		all = claimsAsked(s)
	}
	if p.objectToResource(s.Namespace, s.Status.URL) == nil {
		all = append(all, claimsServed(s)...)
	}
	return all
}

// older orders servers by age, then by name, so that of any two all replicas of
// the operator prefer the same one.
func older(a, b *v1alpha1.SecuredMCPServer) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return client.ObjectKeyFromObject(a).String() < client.ObjectKeyFromObject(b).String()
}
