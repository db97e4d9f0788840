// Package policy decides what a caller may do: which scopes a token amounts to
// and which tools those open.
package policy

import (
	"fmt"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// MaxScopes is how many scopes a server can declare.
const MaxScopes = 256

// Set is a set of declared scopes, by their index.
type Set [MaxScopes / 64]uint64

// Has tells whether every member of want is in s.
func (s Set) Has(want Set) bool {
	for i := range s {
		if want[i]&^s[i] != 0 {
			return false
		}
	}
	return true
}

// Union returns the members of both.
func (s Set) Union(o Set) Set {
	s.union(o)
	return s
}

func (s *Set) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s Set) contains(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s *Set) union(o Set) {
	for i := range s {
		s[i] |= o[i]
	}
}

// Scopes knows the declared scopes and what each implies, transitively.
type Scopes struct {
	names   []string
	index   map[string]int
	closure []Set
}

// NewScopes expects scopes that config.RuntimeConfig.Validate has passed.
func NewScopes(declared []config.Scope) (*Scopes, error) {
	if len(declared) > MaxScopes {
		return nil, fmt.Errorf("scopes: %d are declared; at most %d are allowed", len(declared), MaxScopes)
	}
	s := &Scopes{index: make(map[string]int, len(declared)), closure: make([]Set, len(declared))}
	implies := make([][]string, len(declared))
	for i, d := range declared {
		s.names = append(s.names, d.Name)
		s.index[d.Name] = i
		implies[i] = d.Implies
	}
	for i := range declared {
		s.close(&s.closure[i], i, implies)
	}
	return s, nil
}

func (s *Scopes) close(into *Set, i int, implies [][]string) {
	if into.contains(i) {
		return
	}
	into.add(i)
	for _, name := range implies[i] {
		if j, ok := s.index[name]; ok {
			s.close(into, j, implies)
		}
	}
}

// Exactly returns the set of the named scopes without what they imply: what
// something requires. Unknown names are an error, or a requirement would vanish.
func (s *Scopes) Exactly(names []string) (Set, error) {
	var set Set
	for _, name := range names {
		i, ok := s.index[name]
		if !ok {
			return Set{}, fmt.Errorf("scope %q is not declared", name)
		}
		set.add(i)
	}
	return set, nil
}

// Granted returns the set that a token with the named scopes holds: the
// declared ones and all that they imply. Scopes of other servers mean nothing
// here and are left out.
func (s *Scopes) Granted(names []string) Set {
	var set Set
	for _, name := range names {
		if i, ok := s.index[name]; ok {
			set.union(s.closure[i])
		}
	}
	return set
}

// Names returns the members of set in the order of their declaration.
func (s *Scopes) Names(set Set) []string {
	var names []string
	for i, name := range s.names {
		if set.contains(i) {
			names = append(names, name)
		}
	}
	return names
}
