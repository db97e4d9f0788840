package policy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

func scopesOf(t *testing.T, declared ...config.Scope) *Scopes {
	t.Helper()
	s, err := NewScopes(declared)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestABroaderScopeGrantsTheNarrowerTransitively(t *testing.T) {
	s := scopesOf(t,
		config.Scope{Name: "admin", Implies: []string{"write"}},
		config.Scope{Name: "write", Implies: []string{"read", "list"}},
		config.Scope{Name: "read"},
		config.Scope{Name: "list"},
		config.Scope{Name: "other"},
	)
	for name, tc := range map[string]struct{ granted, want []string }{
		"the top":                 {[]string{"admin"}, []string{"admin", "write", "read", "list"}},
		"the middle":              {[]string{"write"}, []string{"write", "read", "list"}},
		"the bottom":              {[]string{"read"}, []string{"read"}},
		"two branches":            {[]string{"other", "list"}, []string{"list", "other"}},
		"a scope of nobody":       {[]string{"root"}, nil},
		"a scope in another case": {[]string{"ADMIN"}, nil},
		"nothing":                 {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, s.Names(s.Granted(tc.granted))); diff != "" {
				t.Errorf("scopes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequirementsAreNotWidened(t *testing.T) {
	s := scopesOf(t, config.Scope{Name: "write", Implies: []string{"read"}}, config.Scope{Name: "read"})
	needs, err := s.Exactly([]string{"write"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"write"}, s.Names(needs)); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}
	if s.Granted([]string{"read"}).Has(needs) {
		t.Error("read opens what needs write")
	}
	if _, err := s.Exactly([]string{"wirte"}); err == nil {
		t.Error("an unknown requirement vanished")
	}
}

func TestAsManyScopesAsAllowed(t *testing.T) {
	var declared []config.Scope
	for i := range MaxScopes {
		declared = append(declared, config.Scope{Name: fmt.Sprintf("s%d", i)})
	}
	s := scopesOf(t, declared...)
	for _, d := range declared {
		needs, err := s.Exactly([]string{d.Name})
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []string{"s0", "s63", "s64", "s255"} {
			if got, want := s.Granted([]string{other}).Has(needs), other == d.Name; got != want {
				t.Errorf("%s opens %s: %v", other, d.Name, got)
			}
		}
	}
	if _, err := NewScopes(append(declared, config.Scope{Name: "more"})); err == nil {
		t.Error("one scope more than allowed was accepted")
	}
}
