package serve

import (
	"slices"
	"strings"

	"github.com/securedmcp/operator/api/v1alpha1"
)

// devAlgorithm is what the development authorization server signs with, and
// devScopeClaim where it writes scopes.
const (
	devAlgorithm  = v1alpha1.SigningAlgorithm("ES256")
	devScopeClaim = "scope"
)

// adaptTokens changes what only the real issuer's tokens could meet.
func adaptTokens(t *v1alpha1.Tokens) []change {
	var changes []change
	if ref := t.CABundleRef; ref != nil {
		changes = append(changes, change{"tokens.caBundleRef", "none", ref.Name, "the development authorization server speaks plain http"})
		t.CABundleRef = nil
	}
	if t.Type == v1alpha1.TokenTypeOpaque {
		changes = append(changes, change{"tokens.type", "JWT", "Opaque", "the development authorization server's tokens are JWTs"})
		t.Type, t.Introspection = v1alpha1.TokenTypeJWT, nil
	}
	if t.JWKSURI != "" {
		changes = append(changes, change{"tokens.jwksURI", "its own keys", t.JWKSURI, "the development authorization server signs"})
		t.JWKSURI = ""
	}
	if len(t.Algorithms) > 0 && !slices.Contains(t.Algorithms, devAlgorithm) {
		changes = append(changes, change{"tokens.algorithms", string(devAlgorithm), join(t.Algorithms), "what the development authorization server signs with"})
		t.Algorithms = []v1alpha1.SigningAlgorithm{devAlgorithm}
	}
	if len(t.ScopeClaims) > 0 && !slices.Contains(t.ScopeClaims, devScopeClaim) {
		changes = append(changes, change{"tokens.scopeClaims", devScopeClaim, join(t.ScopeClaims), "where the development authorization server writes scopes"})
		t.ScopeClaims = nil
	}
	return changes
}

func join[S ~string](values []S) string {
	var words []string
	for _, v := range values {
		words = append(words, string(v))
	}
	return strings.Join(words, ", ")
}
