package render

import "github.com/securedmcp/operator/api/v1alpha1"

// TLS is how a pod's public listener serves TLS.
type TLS struct {
	// CertFile and KeyFile are where the pods see the Secret's PEM files.
	CertFile, KeyFile string
	// MinVersion is the least version that is spoken: "1.2" or "1.3".
	MinVersion string
}

// PodTLS returns how the pods serve TLS, nil for plain HTTP.
func PodTLS(spec *v1alpha1.SecuredMCPServerSpec) *TLS {
	ref := podCertificate(spec.Exposure.TLS)
	if ref == nil {
		return nil
	}
	tls := &TLS{CertFile: ref.Path(TLSCertKey), KeyFile: ref.Path(TLSKeyKey), MinVersion: "1.2"}
	if spec.Exposure.TLS.MinVersion == v1alpha1.TLSv13 {
		tls.MinVersion = "1.3"
	}
	return tls
}
