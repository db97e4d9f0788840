package compile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Path is a compiled path template of an HTTP tool: RFC 6570 narrowed to what
// cannot be talked into another path. A variable is percent-encoded and fills
// (a part of) one segment; {?a,b} may end the template.
type Path struct {
	// parts are literals and variables in turn: literal, name, literal, ...
	parts     []string
	pathVars  []string
	queryVars []string
}

var (
	expression = regexp.MustCompile(`\{[^{}]*\}`)
	simpleVar  = regexp.MustCompile(`^\{[A-Za-z0-9_]+\}$`)
	queryTail  = regexp.MustCompile(`^\{\?[A-Za-z0-9_]+(,[A-Za-z0-9_]+)*\}$`)
	// RFC 3986 section 3.3 pchar without percent-encoding, and the slash.
	literal = regexp.MustCompile(`^[A-Za-z0-9._~!$&'()*+,;=:@/-]*$`)
)

// NewPath compiles a template such as "/invoices/{id}" or "/invoices{?from,to}".
func NewPath(s string) (*Path, error) {
	if !strings.HasPrefix(s, "/") {
		return nil, fmt.Errorf("%q: want a path that begins with /", s)
	}
	if !literal.MatchString(expression.ReplaceAllString(s, "")) {
		return nil, fmt.Errorf("%q: want a URI template (RFC 6570) of unescaped path characters and {name}, optionally ending in {?name,name}", s)
	}
	p, rest := new(Path), 0
	for _, loc := range expression.FindAllStringIndex(s, -1) {
		expr := s[loc[0]:loc[1]]
		p.parts, rest = append(p.parts, s[rest:loc[0]]), loc[1]
		switch {
		case simpleVar.MatchString(expr):
			name := expr[1 : len(expr)-1]
			p.parts, p.pathVars = append(p.parts, name), append(p.pathVars, name)
		case queryTail.MatchString(expr) && loc[1] == len(s):
			p.queryVars = strings.Split(expr[2:len(expr)-1], ",")
		default:
			return nil, fmt.Errorf("%q: %s is not allowed; want {name}, or {?name,name} at the end", s, expr)
		}
	}
	if hasDotSegment(s) {
		return nil, fmt.Errorf("%q: want no . or .. segment", s)
	}
	if p.queryVars == nil {
		p.parts = append(p.parts, s[rest:])
	}
	return p, nil
}

// PathVars returns the variables of the path proper, in order.
func (p *Path) PathVars() []string { return p.pathVars }

// QueryVars returns the variables of a closing {?a,b}.
func (p *Path) QueryVars() []string { return p.queryVars }

// Names tells whether the template uses the argument.
func (p *Path) Names(arg string) bool {
	return slices.Contains(p.pathVars, arg) || slices.Contains(p.queryVars, arg)
}

// Expand fills the template with validated arguments and returns the escaped
// path and query. A path variable must be a scalar, not empty, and must not
// form a dot segment however often the upstream decodes it.
func (p *Path) Expand(args map[string]any) (escapedPath, query string, err error) {
	var b strings.Builder
	for i, part := range p.parts {
		if i%2 == 1 {
			value, err := pathValue(part, args[part])
			if err != nil {
				return "", "", err
			}
			part = escape(value)
		}
		b.WriteString(part)
	}
	// Neighbors can form what no single value does: /{a}{b} with "." and ".".
	if hasDotSegment(b.String()) {
		return "", "", errors.New("arguments form a dot segment in the path")
	}
	query, err = p.expandQuery(args)
	return b.String(), query, err
}

// expandQuery leaves absent arguments out (RFC 6570 section 3.2.8).
func (p *Path) expandQuery(args map[string]any) (string, error) {
	var pairs []string
	for _, name := range p.queryVars {
		v, ok := args[name]
		if !ok {
			continue
		}
		value, err := Scalar(v)
		if err != nil {
			return "", fmt.Errorf("argument %s %w", name, err)
		}
		pairs = append(pairs, name+"="+escape(value))
	}
	return strings.Join(pairs, "&"), nil
}

// escape percent-encodes all but the unreserved characters (RFC 6570 section
// 3.2.1).
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; unreserved(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func pathValue(name string, v any) (string, error) {
	s, err := Scalar(v)
	if err != nil {
		return "", fmt.Errorf("argument %s %w", name, err)
	}
	switch {
	case s == "":
		return "", fmt.Errorf("argument %s is empty", name)
	case strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return "", fmt.Errorf("argument %s has control characters", name)
	case hasDotSegment(s) || strings.ContainsAny(s, `%/\?#;`):
		// Encoding is not enough: many servers route on the decoded path, and a
		// percent sign would be decoded twice behind a proxy.
		return "", fmt.Errorf(`argument %s has a . or .. segment or one of %% / \ ? # ;`, name)
	}
	return s, nil
}

// hasDotSegment knows the other spellings too: a backslash that some servers
// take for a slash, and a path parameter, "..;a", that some cut off first.
func hasDotSegment(s string) bool {
	segments := strings.FieldsFunc(s, func(r rune) bool { return r == '/' || r == '\\' })
	return slices.ContainsFunc(segments, func(segment string) bool {
		name, _, _ := strings.Cut(segment, ";")
		return name == "." || name == ".."
	})
}

// Scalar returns the text of a string, number or boolean argument.
func Scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		if v {
			return "true", nil
		}
		return "false", nil
	case nil:
		return "", errors.New("is missing")
	}
	return "", errors.New("is not a string, number or boolean")
}
