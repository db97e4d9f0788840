package compile

import (
	"strings"
	"testing"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

func TestExpressionsThatDoNotCompile(t *testing.T) {
	for name, tc := range map[string]struct{ expression, want string }{
		"a name that is not known":  {"'a' in claim.groups", "line 1, column 8: undeclared reference to 'claim'"},
		"an error in a second line": {"true &&\n  nope", "line 2, column 3: undeclared reference to 'nope'"},
		"two errors":                {"x && y", "line 1, column 1: undeclared reference to 'x' (in container ''); line 1, column 6: undeclared reference to 'y'"},
		"half an expression":        {"'a' in", "line 1, column 7: Syntax error"},
		"no boolean":                {"size(claims)", "is of type int; want bool"},
		"maps in maps":              {nested("[", "].map(x,{x:x})", 5) + " == []", "at most 32 and 4 are allowed"},
		"maps one after the other":  {"[1]" + strings.Repeat(".map(x,{x:x})", 5) + " == []", "at most 32 and 4 are allowed"},
		"lists in lists":            {nested("[", "]", 33) + " == []", "at most 32 and 4 are allowed"},
		"a large pattern":           {"claims.email.matches('" + strings.Repeat("a{1000}", 30) + "')", "regular expressions of 30031 instructions; at most 20000"},
		"too much":                  {strings.Repeat("true && ", 600) + "true", "at most 4096"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(&config.RuntimeConfig{Scopes: []config.Scope{{Name: "a"}, {Name: "b", GrantedBy: tc.expression}}})
			if err == nil || !strings.HasPrefix(err.Error(), "scopes[1].grantedBy: ") || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one of scopes[1].grantedBy in one line with %q", err, tc.want)
			}
		})
	}
}

func nested(begin, end string, n int) string {
	return strings.Repeat(begin, n) + strings.Repeat(end, n)
}

// An expression is compiled by the operator, for everyone, with the memory of one pod.
func TestWhatIsAllowedInAnExpressionCompilesInLittleMemory(t *testing.T) {
	for name, expression := range map[string]string{
		"lists in lists": nested("[", "]", maxLists-1) + " == []",
		"maps and lists": "[1]" + strings.Repeat(".map(x,{x:x})", maxMaps) + strings.Repeat(".map(x,[x])", 6) + " == []",
		"many elements":  "claims.tenant in [" + strings.Repeat("'a',", 1000) + "'b']",
	} {
		took := allocated(func() {
			if _, err := NewClaims(expression); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if most := uint64(64 << 20); took > most {
			t.Errorf("%s: took %d MiB, want %d at most", name, took>>20, most>>20)
		}
	}
}
