package render

import (
	"cmp"

	"github.com/securedmcp/operator/api/v1alpha1"
)

const (
	// mountRoot is where the pods mount what the spec refers to.
	mountRoot = "/etc/securedmcp/"
	// DefaultCABundleKey is the key of a caBundleRef that names none.
	DefaultCABundleKey = "ca.crt"
)

// The kinds of objects that a spec refers to.
const (
	KindConfigMap = "ConfigMap"
	KindSecret    = "Secret"
)

// Keys of a Secret of type kubernetes.io/tls.
const (
	TLSCertKey = "tls.crt"
	TLSKeyKey  = "tls.key"
)

// Reference is a ConfigMap or Secret that a spec names and that the runtime
// reads as files. The pods mount it; nobody reads it for them.
type Reference struct {
	// Field is where the spec names it, for example "spec.tokens.caBundleRef".
	Field string
	// Kind is KindConfigMap or KindSecret.
	Kind string
	// Name is that of the object.
	Name string
	// Keys are those that are needed, and the names of the files.
	Keys []string
	// Volume is the name of the volume, of which there is one a reference.
	Volume string
	// Content says for people what is in it, for example "the client secret".
	Content string
}

// Path returns where the pods see the file of a key.
func (r Reference) Path(key string) string { return r.Dir() + "/" + key }

// Dir returns where the pods mount the volume: a directory of its own, since the
// kubelet never updates single files.
func (r Reference) Dir() string { return mountRoot + r.Volume }

// References returns what spec refers to, in the order of its fields.
func References(spec *v1alpha1.SecuredMCPServerSpec) []Reference {
	var refs []Reference
	add := func(r *Reference) {
		if r != nil {
			refs = append(refs, *r)
		}
	}
	add(introspectionClient(spec.Tokens.Introspection))
	add(issuerCA(spec.Tokens.CABundleRef))
	if spec.RateLimit != nil && spec.RateLimit.Redis != nil {
		add(redisCA(spec.RateLimit.Redis.CABundleRef))
		add(redisPassword(spec.RateLimit.Redis.PasswordRef))
	}
	add(traceHeaders(spec.Telemetry.Tracing))
	add(podCertificate(spec.Exposure.TLS))
	return refs
}

func introspectionClient(in *v1alpha1.Introspection) *Reference {
	const field, volume = "spec.tokens.introspection.", "introspection-client"
	switch {
	case in == nil:
		return nil
	case in.AuthMethod == v1alpha1.PrivateKeyJWT:
		return secretKey(field+"privateKeyRef", volume, "the client's private key", in.PrivateKeyRef)
	default:
		return secretKey(field+"clientSecretRef", volume, "the client secret", in.ClientSecretRef)
	}
}

func issuerCA(ref *v1alpha1.ConfigMapKeyRef) *Reference {
	return caBundle("spec.tokens.caBundleRef", "issuer-ca", ref)
}

func redisCA(ref *v1alpha1.ConfigMapKeyRef) *Reference {
	return caBundle("spec.rateLimit.redis.caBundleRef", "redis-ca", ref)
}

func redisPassword(ref *v1alpha1.SecretKeyRef) *Reference {
	return secretKey("spec.rateLimit.redis.passwordRef", "redis-password", "the password", ref)
}

func podCertificate(in *v1alpha1.PodTLS) *Reference {
	if in == nil {
		return nil
	}
	return &Reference{
		Field: "spec.exposure.tls.secretName", Kind: KindSecret, Name: in.SecretName, Keys: []string{TLSCertKey, TLSKeyKey},
		Volume: "tls", Content: "the certificate and its key",
	}
}

func caBundle(field, volume string, ref *v1alpha1.ConfigMapKeyRef) *Reference {
	if ref == nil {
		return nil
	}
	return &Reference{
		Field: field, Kind: KindConfigMap, Name: ref.Name, Keys: []string{cmp.Or(ref.Key, DefaultCABundleKey)},
		Volume: volume, Content: "the certificates",
	}
}

func secretKey(field, volume, content string, ref *v1alpha1.SecretKeyRef) *Reference {
	if ref == nil {
		return nil
	}
	return &Reference{Field: field, Kind: KindSecret, Name: ref.Name, Keys: []string{ref.Key}, Volume: volume, Content: content}
}

// file returns where the pods see the only file of r, "" for none.
func (r *Reference) file() string {
	if r == nil {
		return ""
	}
	return r.Path(r.Keys[0])
}
