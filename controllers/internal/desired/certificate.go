package desired

import (
	"cmp"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// CertificateVersion is the API of cert-manager that Certificate is of.
var CertificateVersion = schema.GroupVersion{Group: "cert-manager.io", Version: "v1"}

// Certificate asks cert-manager for a certificate of the Ingress's host. It is nil
// unless spec.exposure.ingress.tls.issuerRef is set.
func Certificate(s *v1alpha1.SecuredMCPServer) *unstructured.Unstructured {
	in := s.Spec.Exposure.Ingress
	if in == nil || in.TLS.IssuerRef == nil {
		return nil
	}
	host, _ := endpoint(s.Spec.Resource)
	ref := in.TLS.IssuerRef
	return object(s, CertificateVersion.WithKind("Certificate"), map[string]any{
		"dnsNames":   []any{host},
		"secretName": certificateSecret(s),
		"issuerRef": map[string]any{
			"name":  ref.Name,
			"kind":  cmp.Or(ref.Kind, "Issuer"),
			"group": cmp.Or(ref.Group, CertificateVersion.Group),
		},
	})
}

// certificateSuffix makes the name of the Secret that cert-manager fills one that nobody
// else is likely to have given one: it overwrites what is there.
const certificateSuffix = "-securedmcp-tls"

// certificateSecret is where the Ingress has its certificate.
func certificateSecret(s *v1alpha1.SecuredMCPServer) string {
	tls := s.Spec.Exposure.Ingress.TLS
	if tls.IssuerRef == nil {
		return tls.SecretName
	}
	return s.Name + certificateSuffix
}

// WantsCertificate tells whether in, as it is, has the certificate that cert-manager is
// asked for.
func WantsCertificate(in *networkingv1.Ingress) bool {
	return slices.ContainsFunc(in.Spec.TLS, func(t networkingv1.IngressTLS) bool { return t.SecretName == in.Name+certificateSuffix })
}

// KeepSecret gives in the Secret that live has for the same host, if that is another
// than the one that cert-manager fills, and returns its name.
func KeepSecret(in *networkingv1ac.IngressApplyConfiguration, live *networkingv1.Ingress) (kept string) {
	if WantsCertificate(live) {
		return ""
	}
	for i := range in.Spec.TLS {
		for _, had := range live.Spec.TLS {
			if had.SecretName != "" && slices.Equal(had.Hosts, in.Spec.TLS[i].Hosts) {
				in.Spec.TLS[i].WithSecretName(had.SecretName)
				kept = had.SecretName
			}
		}
	}
	return kept
}
