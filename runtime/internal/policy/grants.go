package policy

import (
	"fmt"

	"github.com/securedmcp/operator/api/config/compile"
	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// Grants are the scopes that a token holds by its claims, for clients that
// cannot ask for scopes by name.
type Grants struct {
	rules []grantRule
}

type grantRule struct {
	expression *compile.Claims
	grants     Set
}

// NewGrants compiles the grantedBy of the declared scopes.
func NewGrants(scopes *Scopes, declared []config.Scope) (*Grants, error) {
	g := new(Grants)
	for i, d := range declared {
		if d.GrantedBy == "" {
			continue
		}
		expression, err := compile.NewClaims(d.GrantedBy)
		if err != nil {
			return nil, fmt.Errorf("scopes[%d].grantedBy: %w", i, err)
		}
		g.rules = append(g.rules, grantRule{expression: expression, grants: scopes.closure[i]})
	}
	return g, nil
}

// Any tells whether there is anything to evaluate.
func (g *Grants) Any() bool { return len(g.rules) > 0 }

// Of returns the scopes that the claims grant. An expression that fails, over a
// claim that is missing for example, grants nothing.
func (g *Grants) Of(claims map[string]any) Set {
	var set Set
	for _, rule := range g.rules {
		if ok, err := rule.expression.True(claims); ok && err == nil {
			set.union(rule.grants)
		}
	}
	return set
}
