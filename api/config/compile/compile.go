// Package compile turns the parts of a RuntimeConfig that are little programs
// (JSON Schemas, URI templates and CEL expressions) into what runs them. The operator uses it to
// tell whether a spec can be served at all, the runtime to serve it, so that
// the two can never disagree.
package compile

import (
	"fmt"
	"slices"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
)

// Check compiles everything in c and returns nil or the config.FieldErrors of
// what does not compile. It expects what c.Validate has passed.
func Check(c *config.RuntimeConfig) error {
	var errs config.FieldErrors
	for i, s := range c.Scopes {
		if s.GrantedBy == "" {
			continue
		}
		if _, err := NewClaims(s.GrantedBy); err != nil {
			errs = append(errs, config.FieldError{Path: fmt.Sprintf("scopes[%d].grantedBy", i), Detail: err.Error()})
		}
	}
	for i := range c.Tools {
		path := fmt.Sprintf("tools[%d]", i)
		schema, err := NewSchema(c.Tools[i].InputSchema)
		if err != nil {
			errs = append(errs, config.FieldError{Path: path + ".inputSchema" + pathOf(err), Detail: err.Error()})
			continue
		}
		if c.Tools[i].HTTP == nil {
			continue
		}
		if err := checkPath(c.Tools[i].HTTP.Path, schema); err != nil {
			errs = append(errs, config.FieldError{Path: path + ".http.path", Detail: err.Error()})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// checkPath also wants every path variable to be a required argument: a call
// that leaves one out could only ever fail.
func checkPath(template string, schema *Schema) error {
	p, err := NewPath(template)
	if err != nil {
		return err
	}
	for _, name := range p.PathVars() {
		if !slices.Contains(schema.Required(), name) {
			return fmt.Errorf("%q: {%s} is not a required property of inputSchema; add it to properties and required", template, name)
		}
		if kind := schema.typeOf(name); kind == "object" || kind == "array" {
			return fmt.Errorf("%q: {%s} is an argument of type %s; want one that fits into a path: string, number, integer or boolean", template, name, kind)
		}
	}
	for _, name := range p.QueryVars() {
		if !slices.Contains(schema.Properties(), name) {
			return fmt.Errorf("%q: {?%s} is not a property of inputSchema", template, name)
		}
	}
	return nil
}
