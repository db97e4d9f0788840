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
