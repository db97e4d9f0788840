package render

import (
	"cmp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
)

func tokensOf(in *v1alpha1.Tokens) config.Tokens {
	out := config.Tokens{
		Type:             string(cmp.Or(in.Type, v1alpha1.TokenTypeJWT)),
		Introspection:    introspectionOf(in.Introspection),
		JWKSURI:          in.JWKSURI,
		Algorithms:       stringsOf(in.Algorithms),
		ScopeClaims:      append([]string(nil), in.ScopeClaims...),
		ClockSkewSeconds: new(config.DefaultClockSkewSeconds),
		StaleKeysSeconds: int(in.StaleKeysSeconds),
		DPoP:             string(cmp.Or(in.DPoP, v1alpha1.DPoPDisabled)),
		DPoPNonce:        string(cmp.Or(in.DPoPNonce, v1alpha1.DPoPNonceDisabled)),
		CABundleFile:     issuerCA(in.CABundleRef).file(),
	}
	if len(out.ScopeClaims) == 0 {
		out.ScopeClaims = config.DefaultScopeClaims()
	}
	if in.ClockSkewSeconds != nil {
		*out.ClockSkewSeconds = int(*in.ClockSkewSeconds)
	}
	if out.Type == config.TokenJWT {
		setSignatureDefaults(&out)
	}
	return out
}

// setSignatureDefaults fills in what opaque tokens have no use for.
func setSignatureDefaults(t *config.Tokens) {
	if len(t.Algorithms) == 0 {
		t.Algorithms = config.DefaultAlgorithms()
	}
	t.StaleKeysSeconds = cmp.Or(t.StaleKeysSeconds, config.DefaultStaleKeysSeconds)
}

func introspectionOf(in *v1alpha1.Introspection) *config.Introspection {
	if in == nil {
		return nil
	}
	return &config.Introspection{
		ClientID:         in.ClientID,
		ClientAuth:       string(cmp.Or(in.AuthMethod, v1alpha1.ClientSecretBasic)),
		ClientSecretFile: introspectionClient(in).file(),
		CacheSeconds:     cmp.Or(int(in.CacheSeconds), config.DefaultIntrospectionCacheSeconds),
	}
}

func stringsOf[S ~string](in []S) []string {
	var out []string
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}
