package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// observeCertificate keeps Exposed from being True before the certificate is made
// that cert-manager is asked for: until then an ingress controller serves one of
// its own, which no client accepts.
func (r *Reconciler) observeCertificate(ctx context.Context, s *scope, routes []child) (ready bool, err error) {
	if !s.wantsCertificate(routes) {
		return true, nil
	}
	if missing := r.apis.missingKind(kindCertificate); missing != "" {
		s.lacksCertificate(v1alpha1.ReasonAPIMissing, "there is no Certificate: "+missing)
		return false, nil
	}
	if c := s.trouble(kindCertificate); c != nil {
		s.lacksCertificate(rejectedAs(c, v1alpha1.ReasonCertificateRejected), c.message)
		return false, nil
	}
	certificate, err := r.ownCertificate(ctx, s.server)
	if err != nil {
		return false, err
	}
	message, err := pendingCertificate(certificate)
	if message != "" {
		s.lacksCertificate(v1alpha1.ReasonCertificatePending, message)
	}
	return message == "", err
}

func (s *scope) lacksCertificate(reason, message string) {
	if s.keptSecret != "" {
		message += "; until it is there, the Ingress has the certificate of Secret " + s.keptSecret
	}
	s.no(v1alpha1.ConditionExposed, reason, message)
}

// keepSecret has the Ingress, or the one that is made anew, go on with the Secret that
// it has until there is the certificate that is asked for in its place: clients accept
// the one and not what an ingress controller serves for want of the other.
func (r *Reconciler) keepSecret(s *scope, children []child, want *networkingv1ac.IngressApplyConfiguration) {
	var ingress, certificate *child
	for i := range children {
		switch children[i].kind {
		case kindIngress:
			ingress = &children[i]
		case kindCertificate:
			certificate = &children[i]
		}
	}
	before := r.anew.before(s.server, ingress)
	if certificate == nil || !certificate.wanted || before == nil {
		return
	}
	if certificate.missing == "" && ours(certificate.live, s.server) {
		if pending, err := pendingCertificate(certificate.live.(*unstructured.Unstructured)); pending == "" && err == nil {
			return
		}
	}
	s.keptSecret = desired.KeepSecret(want, before)
}

// wantsCertificate tells whether cert-manager makes the certificate of what is routed.
func (s *scope) wantsCertificate(routes []child) bool {
	if s.serving != nil {
		in := s.serving.Spec.Exposure.Ingress
		return in != nil && in.TLS.IssuerRef != nil
	}
	return slices.ContainsFunc(routes, func(c child) bool {
		in, ok := c.live.(*networkingv1.Ingress)
		return ok && desired.WantsCertificate(in)
	})
}

func (r *Reconciler) ownCertificate(ctx context.Context, server *v1alpha1.SecuredMCPServer) (*unstructured.Unstructured, error) {
	certificate := new(unstructured.Unstructured)
	certificate.SetGroupVersionKind(desired.CertificateVersion.WithKind(kindCertificate))
	if err := r.own(ctx, server, certificate); err != nil {
		return nil, fmt.Errorf("reading Certificate: %w", err)
	}
	return certificate, nil
}

// withdrawCertificate removes the Certificate along with the Ingress: nobody is to
// get certificates, year after year, for a host that is another's.
func (r *Reconciler) withdrawCertificate(ctx context.Context, server *v1alpha1.SecuredMCPServer) error {
	if r.apis.missingKind(kindCertificate) != "" {
		return nil
	}
	certificate, err := r.ownCertificate(ctx, server)
	if err != nil {
		return err
	}
	if err := r.remove(ctx, server, &child{kind: kindCertificate, live: certificate}); err != nil {
		return fmt.Errorf("withdrawing Certificate: %w", err)
	}
	return nil
}

// pendingCertificate says why the certificate is not there, in the words of
// cert-manager; "" if it is. One that is renewed stays Ready meanwhile.
func pendingCertificate(certificate *unstructured.Unstructured) (string, error) {
	var status struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(certificate.Object, &status); err != nil {
		return "", fmt.Errorf("reading the conditions of Certificate: %w", err)
	}
	ready := meta.FindStatusCondition(status.Status.Conditions, "Ready")
	switch {
	case certificate.GetUID() == "" || ready == nil:
		return "cert-manager has not looked at the Certificate yet", nil
	case ready.Status != metav1.ConditionTrue:
		return fmt.Sprintf("the Certificate is not ready: %s: %s", ready.Reason, cmp.Or(ready.Message, "cert-manager says no more")), nil
	case ready.ObservedGeneration != 0 && ready.ObservedGeneration != certificate.GetGeneration():
		return "cert-manager has not looked at this Certificate since it changed", nil
	default:
		return "", nil
	}
}
