package render

import (
	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

// TLS is how a pod's public listener serves TLS.
type TLS struct {
	// CertFile and KeyFile are where the pods see the Secret's PEM files.
	CertFile, KeyFile string
}

// PodTLS returns how the pods serve TLS, nil for plain HTTP. What they speak is in
// the RuntimeConfig, so that running pods follow it and say whether they do.
func PodTLS(spec *v1alpha1.SecuredMCPServerSpec) *TLS {
	ref := podCertificate(spec.Exposure.TLS)
	if ref == nil {
		return nil
	}
	return &TLS{CertFile: ref.Path(TLSCertKey), KeyFile: ref.Path(TLSKeyKey)}
}

func tlsOf(in *v1alpha1.PodTLS) *config.TLS {
	if in == nil {
		return nil
	}
	if in.MinVersion == v1alpha1.TLSv13 {
		return &config.TLS{MinVersion: config.TLS13}
	}
	return &config.TLS{MinVersion: config.TLS12}
}
