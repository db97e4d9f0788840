package compile

import (
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/ext"
)

const (
	// maxExpressionBytes bounds the text of an expression.
	maxExpressionBytes = 4096
	// maxLists and maxMaps bound the literals in an expression, those included that
	// map and filter stand for. Each may double the type of the whole, by which the
	// checker's time and memory grow: with 16 maps it takes half a minute.
	maxLists = 32
	maxMaps  = 4
	// celCostLimit bounds one evaluation: some tens of thousands of steps, mostly a few
	// milliseconds. What one call of format or replace makes of large claims is counted
	// when it is made: seconds at worst, which whoever writes the expression pays for.
	celCostLimit = 100_000
)

// Claims is a compiled CEL expression over the members of a token.
type Claims struct {
	program cel.Program
}

var claimsEnv = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)),
		cel.CrossTypeNumericComparisons(true),
		ext.Strings(),
		ext.Sets(),
	)
})

// NewClaims compiles an expression such as "'admins' in claims.groups".
func NewClaims(text string) (*Claims, error) {
	env, err := claimsEnv()
	if err != nil {
		return nil, fmt.Errorf("preparing CEL: %w", err)
	}
	program, err := newProgram(env, text)
	if err != nil {
		return nil, err
	}
	return &Claims{program: program}, nil
}

func newProgram(env *cel.Env, text string) (cel.Program, error) {
	if len(text) > maxExpressionBytes {
		return nil, fmt.Errorf("has %d bytes; at most %d are allowed", len(text), maxExpressionBytes)
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		return nil, fmt.Errorf("does not compile: %s", describe(issues))
	}
	if err := checkLiterals(parsed); err != nil {
		return nil, err
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, fmt.Errorf("does not compile: %s", describe(issues))
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("is of type %s; want bool", t)
	}
	program, err := env.Program(checked, cel.CostLimit(celCostLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, fmt.Errorf("does not compile: %w", err)
	}
	return program, nil
}

// checkLiterals comes before the types are checked, which nothing else bounds, and
// before the regular expressions are compiled.
func checkLiterals(parsed *cel.Ast) error {
	lists, maps, patterns := 0, 0, 0
	ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() { //nolint:exhaustive // the others are no literals
		case ast.ListKind:
			lists++
		case ast.MapKind:
			maps++
		case ast.LiteralKind:
			if text, ok := e.AsLiteral().Value().(string); ok { // perhaps of matches
				patterns += patternSize(text)
			}
		}
	}))
	if lists > maxLists || maps > maxMaps {
		return fmt.Errorf("has %d lists and %d maps, with those that map and filter make; at most %d and %d are allowed", lists, maps, maxLists, maxMaps)
	}
	if patterns > maxPatternSize {
		return fmt.Errorf("has regular expressions of %d instructions; at most %d are allowed: repeat less in them", patterns, maxPatternSize)
	}
	return nil
}

// describe says in one line where in an expression what is wrong.
func describe(issues *cel.Issues) string {
	var lines []string
	for _, e := range issues.Errors() {
		lines = append(lines, fmt.Sprintf("line %d, column %d: %s", e.Location.Line(), e.Location.Column()+1, e.Message))
	}
	return strings.Join(lines, "; ")
}

// True tells whether the expression is true of the claims, the members of a token's
// payload with values of Go. An error is as good as false.
func (c *Claims) True(claims map[string]any) (bool, error) {
	out, _, err := c.program.Eval(map[string]any{"claims": claims})
	if err != nil {
		return false, err
	}
	value, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("is of type %s; want bool", out.Type().TypeName())
	}
	return value, nil
}
