package serve

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

func TestFewerScopesAreEnoughForTheDoor(t *testing.T) {
	two := []config.Scope{{Name: "a"}, {Name: "b"}}
	cases := map[string]struct {
		config config.RuntimeConfig
		want   []string
	}{
		"what the door requires":           {config.RuntimeConfig{Scopes: two, RequiredScopes: []string{"b"}}, []string{"b"}},
		"the first, when nothing is asked": {config.RuntimeConfig{Scopes: two}, []string{"a"}},
		"none, when there are none":        {config.RuntimeConfig{}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := &rendering{config: &tc.config}
			if diff := cmp.Diff(tc.want, r.fewerScopes()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
