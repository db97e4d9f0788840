package v1alpha1

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// FieldError says what is wrong with one field, and what is allowed.
type FieldError struct {
	// Path is the field's place, for example "tools[1].scopes[0]".
	Path string
	// Detail is a clause such as `"x" is not a declared scope; declared: a, b`.
	Detail string
}

func (e FieldError) Error() string { return e.Path + ": " + e.Detail }

// FieldErrors are all that is wrong with a RuntimeConfig, in field order.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "; ")
}

func (e *FieldErrors) add(path, format string, args ...any) {
	*e = append(*e, FieldError{Path: path, Detail: fmt.Sprintf(format, args...)})
}

var (
	// RFC 6749 section 3.3: scope-token.
	scopeToken = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,128}$`)
	// MCP 2025-11-25 tool names.
	toolName    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
	httpMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
)

// Validate checks all that needs no more than the values themselves: URIs,
// names, references between fields, cycles. It returns nil or FieldErrors.
// What must be compiled to be checked is checked by package compile.
func (c *RuntimeConfig) Validate() error {
	var errs FieldErrors
	if c.Name == "" {
		errs.add("name", "is required")
	}
	validateURIs(c, &errs)
	validateScopes(c, &errs)
	validateUpstreams(c, &errs)
	validateTools(c, &errs)
	validateTokens(&c.Tokens, &errs)
	validateDPoP(c, &errs)
	validateAuthentication("authentication", c.Authentication, &errs)
	validateOrigins(c.AllowedOrigins, &errs)
	validateLimits(&c.Limits, &errs)
	if c.LogLevel != "" && !slices.Contains(LogLevels(), c.LogLevel) {
		errs.add("logLevel", "%q: want one of %s", c.LogLevel, strings.Join(LogLevels(), ", "))
	}
	validateRateLimit(c.RateLimit, &errs)
	validateTracing(c.Tracing, &errs)
	validateTLS(c.TLS, &errs)
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// wellKnown is where clients look for what is true of a whole host, its authorization
// servers for one. No server of those that share the host may answer there.
const wellKnown = "/.well-known"

func validateURIs(c *RuntimeConfig, errs *FieldErrors) {
	if err := checkURI(c.Resource); err != nil {
		errs.add("resource", "%v", err)
	} else if strings.HasSuffix(c.Resource, "/") {
		errs.add("resource", "%q: want no trailing slash", c.Resource)
	} else if u, _ := url.Parse(c.Resource); u.EscapedPath() != u.Path || strings.ContainsAny(u.Path, "{}") || hasDotSegment(u.Path) {
		errs.add("resource", "%q: want a path of unescaped characters without dot segments", c.Resource)
	} else if u.Path == wellKnown || strings.HasPrefix(u.Path, wellKnown+"/") {
		errs.add("resource", "%q: want a path outside of %s, where a host answers for all that share it (RFC 8615)", c.Resource, wellKnown)
	}
	if err := checkURI(c.Issuer); err != nil {
		errs.add("issuer", "%v", err)
	}
	if c.Audience == "" && c.Resource != "" { // which it is unless somebody says otherwise
		errs.add("audience", "is required")
	}
}

// checkURI accepts an absolute https URI, or http on a loopback host, without
// user information, query or fragment.
func checkURI(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return fmt.Errorf("%q is not an absolute URI; want for example https://mcp.example.com/billing", s)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return fmt.Errorf("%q: want https (http is allowed for loopback hosts only)", s)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return fmt.Errorf("%q: want no user information, query or fragment", s)
	}
	return checkASCII(s)
}

// checkASCII refuses what url.Parse lets through and no URI has (RFC 3986 section 2).
func checkASCII(s string) error {
	if strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return fmt.Errorf("%q: want no space or control character, and nothing beyond ASCII", s)
	}
	return nil
}

func hasDotSegment(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/")[min(1, strings.Count(path, "/")):], func(seg string) bool {
		return seg == "." || seg == ".." || seg == "" && path != ""
	})
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func validateScopes(c *RuntimeConfig, errs *FieldErrors) {
	known := make([]string, 0, len(c.Scopes))
	for i, s := range c.Scopes {
		path := fmt.Sprintf("scopes[%d].name", i)
		switch {
		case !scopeToken.MatchString(s.Name):
			errs.add(path, "%q is not a scope name; want 1 to 128 printable ASCII characters without space, quote or backslash (RFC 6749 section 3.3)", s.Name)
		case s.Name == "offline_access":
			errs.add(path, "offline_access is between client and authorization server; a resource server neither needs nor advertises it")
		case slices.Contains(known, s.Name):
			errs.add(path, "%q is declared twice", s.Name)
		}
		known = append(known, s.Name)
	}
	for i, s := range c.Scopes {
		checkScopeRefs(fmt.Sprintf("scopes[%d].implies", i), s.Implies, known, errs)
	}
	checkScopeRefs("requiredScopes", c.RequiredScopes, known, errs)
	if cycle := findCycle(c.Scopes); cycle != nil {
		errs.add("scopes", "implies forms a cycle: %s", strings.Join(cycle, " -> "))
	}
}

func checkScopeRefs(path string, refs, known []string, errs *FieldErrors) {
	for i, ref := range refs {
		if !slices.Contains(known, ref) {
			errs.add(fmt.Sprintf("%s[%d]", path, i), "%q is not a declared scope; declared: %s", ref, list(known))
		}
	}
}

// findCycle returns the scopes of one cycle of implies, first repeated last, or
// nil.
func findCycle(scopes []Scope) []string {
	implies := make(map[string][]string, len(scopes))
	for _, s := range scopes {
		implies[s.Name] = s.Implies
	}
	done := make(map[string]bool, len(scopes))
	var visit func(name string, trail []string) []string
	visit = func(name string, trail []string) []string {
		if i := slices.Index(trail, name); i >= 0 {
			return append(slices.Clone(trail[i:]), name)
		}
		if done[name] {
			return nil
		}
		for _, next := range implies[name] {
			if cycle := visit(next, append(trail, name)); cycle != nil {
				return cycle
			}
		}
		done[name] = true
		return nil
	}
	for _, s := range scopes {
		if cycle := visit(s.Name, nil); cycle != nil {
			return cycle
		}
	}
	return nil
}

func validateUpstreams(c *RuntimeConfig, errs *FieldErrors) {
	var known []string
	for i, u := range c.Upstreams {
		path := fmt.Sprintf("upstreams[%d]", i)
		switch {
		case u.Name == "":
			errs.add(path+".name", "is required")
		case u.Name == UpstreamBuiltin:
			errs.add(path+".name", "%q is reserved for tools of the runtime image", u.Name)
		case slices.Contains(known, u.Name):
			errs.add(path+".name", "%q is declared twice", u.Name)
		}
		known = append(known, u.Name)
		if u.TimeoutSeconds < 0 {
			errs.add(path+".timeoutSeconds", "%d: want 1 or more", u.TimeoutSeconds)
		}
		if u.HTTP == nil {
			errs.add(path, "want exactly one of: http")
			continue
		}
		if err := checkUpstreamURL(u.HTTP.URL); err != nil {
			errs.add(path+".http.url", "%v", err)
		}
	}
}

// checkUpstreamURL accepts http too: upstreams are inside the cluster.
func checkUpstreamURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is not an absolute http or https URL", s)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return fmt.Errorf("%q: want no user information, query or fragment", s)
	}
	return checkASCII(s)
}

func validateTools(c *RuntimeConfig, errs *FieldErrors) {
	scopes := make([]string, len(c.Scopes))
	for i, s := range c.Scopes {
		scopes[i] = s.Name
	}
	var upstreams, known []string
	for _, u := range c.Upstreams {
		upstreams = append(upstreams, u.Name)
	}
	for i := range c.Tools {
		t, path := &c.Tools[i], fmt.Sprintf("tools[%d]", i)
		if !toolName.MatchString(t.Name) {
			errs.add(path+".name", "%q is not a tool name; want 1 to 128 letters, digits, underscores, dots or hyphens", t.Name)
		} else if slices.Contains(known, t.Name) {
			errs.add(path+".name", "%q is declared twice", t.Name)
		}
		known = append(known, t.Name)
		checkScopeRefs(path+".scopes", t.Scopes, scopes, errs)
		validateBackend(t, path, upstreams, errs)
		validateAuthentication(path+".authentication", t.Authentication, errs)
		validateCommonACR(path+".authentication", c.Authentication, t.Authentication, errs)
	}
}

func validateBackend(t *Tool, path string, upstreams []string, errs *FieldErrors) {
	if t.Upstream == UpstreamBuiltin {
		if t.HTTP != nil {
			errs.add(path+".http", "a builtin tool has no http")
		}
		return
	}
	if !slices.Contains(upstreams, t.Upstream) {
		errs.add(path+".upstream", "%q is not a declared upstream; declared: %s", t.Upstream, list(upstreams))
	}
	if t.HTTP == nil {
		errs.add(path, "want exactly one of: http")
		return
	}
	if !slices.Contains(httpMethods, t.HTTP.Method) {
		errs.add(path+".http.method", "%q: want one of %s", t.HTTP.Method, strings.Join(httpMethods, ", "))
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	return strings.Join(sorted, ", ")
}
