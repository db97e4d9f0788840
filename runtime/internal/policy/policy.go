package policy

import (
	"fmt"
	"time"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// Policy is what one configuration demands of callers.
type Policy struct {
	Scopes *Scopes
	Grants *Grants
	// Door is what every request needs.
	Door Needs
	// ClockSkew is how far the issuer's clock may be off.
	ClockSkew time.Duration
	tools     map[string]Needs
}

// Needs is what an operation needs of its caller.
type Needs struct {
	Scopes         Set
	Authentication Authentication
}

// New compiles the policy of c.
func New(c *config.RuntimeConfig) (*Policy, error) {
	scopes, err := NewScopes(c.Scopes)
	if err != nil {
		return nil, err
	}
	grants, err := NewGrants(scopes, c.Scopes)
	if err != nil {
		return nil, err
	}
	door, err := scopes.Exactly(c.RequiredScopes)
	if err != nil {
		return nil, fmt.Errorf("requiredScopes: %w", err)
	}
	p := &Policy{
		Scopes: scopes, Grants: grants, ClockSkew: clockSkew(c.Tokens),
		Door:  Needs{Scopes: door, Authentication: NewAuthentication(c.Authentication)},
		tools: make(map[string]Needs, len(c.Tools)),
	}
	for i := range c.Tools {
		if err := p.addTool(&c.Tools[i]); err != nil {
			return nil, fmt.Errorf("tools[%d].scopes: %w", i, err)
		}
	}
	return p, nil
}

func (p *Policy) addTool(t *config.Tool) error {
	scopes, err := p.Scopes.Exactly(t.Scopes)
	if err != nil {
		return err
	}
	scopes.union(p.Door.Scopes)
	p.tools[t.Name] = Needs{Scopes: scopes, Authentication: p.Door.Authentication.And(NewAuthentication(t.Authentication))}
	return nil
}

func clockSkew(t config.Tokens) time.Duration {
	if t.ClockSkewSeconds == nil {
		return config.DefaultClockSkewSeconds * time.Second
	}
	return time.Duration(*t.ClockSkewSeconds) * time.Second
}

// ToolNeeds returns all that a call of the tool needs, what the door wants
// included, and whether there is such a tool.
func (p *Policy) ToolNeeds(tool string) (needs Needs, ok bool) {
	needs, ok = p.tools[tool]
	return needs, ok
}
