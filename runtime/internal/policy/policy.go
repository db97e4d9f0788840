package policy

import (
	"fmt"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// Policy is what one configuration demands of callers.
type Policy struct {
	Scopes *Scopes
	// Door is what every request needs.
	Door  Set
	tools map[string]Set
}

// New compiles the policy of c.
func New(c *config.RuntimeConfig) (*Policy, error) {
	scopes, err := NewScopes(c.Scopes)
	if err != nil {
		return nil, err
	}
	door, err := scopes.Exactly(c.RequiredScopes)
	if err != nil {
		return nil, fmt.Errorf("requiredScopes: %w", err)
	}
	p := &Policy{Scopes: scopes, Door: door, tools: make(map[string]Set, len(c.Tools))}
	for i, t := range c.Tools {
		needs, err := scopes.Exactly(t.Scopes)
		if err != nil {
			return nil, fmt.Errorf("tools[%d].scopes: %w", i, err)
		}
		needs.union(door)
		p.tools[t.Name] = needs
	}
	return p, nil
}

// ToolNeeds returns all scopes that a call of the tool needs, those of the door
// among them, and whether there is such a tool.
func (p *Policy) ToolNeeds(tool string) (needs Set, ok bool) {
	needs, ok = p.tools[tool]
	return needs, ok
}
