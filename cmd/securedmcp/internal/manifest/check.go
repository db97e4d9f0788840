package manifest

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
)

// Options say which object of a file is wanted.
type Options struct {
	// Name chooses among several SecuredMCPServers; "" means the only one.
	Name string
	// Namespace is that of an object that names none.
	Namespace string
}

// Load returns the SecuredMCPServer of src once nothing is wrong with it.
// Otherwise it returns Problems, or another error when the check itself could
// not be made.
func Load(ctx context.Context, src Source, o Options) (*v1alpha1.SecuredMCPServer, error) {
	documents, err := parseDocuments(src)
	if err != nil {
		return nil, err
	}
	d, err := choose(src, documents, o.Name)
	if err != nil {
		return nil, err
	}
	schema, err := loadSchema()
	if err != nil {
		return nil, err
	}
	server, problems := check(ctx, d, schema, o)
	if len(problems) > 0 {
		problems.sort()
		return nil, problems
	}
	return server, nil
}

// Locate returns errors about fields of a server of src, which Load has passed,
// as Problems: where they were written.
func Locate(src Source, o Options, errs config.FieldErrors) error {
	documents, err := parseDocuments(src)
	if err != nil {
		return err
	}
	d, err := choose(src, documents, o.Name)
	if err != nil {
		return err
	}
	var problems Problems
	for _, e := range errs {
		problems = append(problems, d.problem(e.Path, e.Detail))
	}
	problems.sort()
	return problems
}

// check goes from the most to the least literal: a later stage speaks up about a
// field only if no earlier one did. What a person reads is what the API server
// would say, where it says anything.
func check(ctx context.Context, d *document, schema *crdSchema, o Options) (*v1alpha1.SecuredMCPServer, Problems) {
	r := &report{document: d}
	d.duplicates(r)
	checkMetadataTypes(r)
	schema.pruneUnknown(r)
	delete(d.object, "status") // as the API server does when a person applies one
	defaulting.Default(d.object, schema.structural)
	invalid := schema.validate(ctx, d.object)
	r.addAll(fieldErrors(invalid))
	if !blankWrongTypes(d.object, invalid) {
		return nil, r.problems
	}
	server, err := decode(d.object, o.Namespace)
	if err != nil {
		nameObject(d.object)
		r.addAll(fieldErrors(schema.evaluate(ctx, d.object)))
		if len(r.problems) == 0 { // else the schema has said why, and where
			r.add("", err.Error())
		}
		return nil, r.problems
	}
	r.addAll(fieldErrors(validateMetadata(server)))
	nameObject(d.object)
	rules, rendered := schema.understand(ctx, d.object, invalid)
	r.addAll(rules)
	r.addAll(rendered)
	return server, r.problems
}

func decode(object map[string]any, namespace string) (*v1alpha1.SecuredMCPServer, error) {
	server := &v1alpha1.SecuredMCPServer{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, server); err != nil {
		return nil, err
	}
	server.Namespace = cmp.Or(server.Namespace, namespace)
	return server, nil
}

// understand returns what the CEL rules and the renderer say of the object. Where
// a value is none of those that are supported, they would speak of its
// neighbours, too: what counts is what they say whichever of them stands there.
func (s *crdSchema) understand(ctx context.Context, object map[string]any, invalid field.ErrorList) (rules, rendered config.FieldErrors) {
	rules, rendered = s.understandOne(ctx, object)
	for _, e := range invalid {
		if e.Type != field.ErrorTypeNotSupported {
			continue
		}
		for _, value := range supported(e) {
			if len(rules)+len(rendered) == 0 || !set(object, e.Field, value) {
				break
			}
			moreRules, moreRendered := s.understandOne(ctx, object)
			rules, rendered = common(rules, moreRules), common(rendered, moreRendered)
		}
	}
	return rules, rendered
}

func (s *crdSchema) understandOne(ctx context.Context, object map[string]any) (rules, rendered config.FieldErrors) {
	rendered = renderErrors(object)
	return withoutVague(fieldErrors(s.evaluate(ctx, object)), rendered), rendered
}

func common(a, b config.FieldErrors) config.FieldErrors {
	return slices.DeleteFunc(a, func(e config.FieldError) bool { return !slices.Contains(b, e) })
}

// withoutVague leaves out what the rules say of a whole list, where it is known
// which entry they mean: a rule about names that are declared elsewhere cannot
// point at one.
func withoutVague(rules, rendered config.FieldErrors) config.FieldErrors {
	return slices.DeleteFunc(rules, func(rule config.FieldError) bool {
		switch rule.Path {
		case "spec.requiredScopes", "spec.scopes", "spec.tools":
			return slices.ContainsFunc(rendered, func(e config.FieldError) bool { return within(e.Path, rule.Path) })
		}
		return false
	})
}

func (s *crdSchema) validate(ctx context.Context, object map[string]any) field.ErrorList {
	errs := validation.ValidateCustomResource(nil, object, s.openAPI)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	return append(errs, objectmeta.Validate(ctx, nil, object, s.structural, true)...)
}

// evaluate runs the CEL rules.
func (s *crdSchema) evaluate(ctx context.Context, object map[string]any) field.ErrorList {
	errs, _ := s.rules.Validate(ctx, nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return errs
}

// nameObject gives an object without a name one, as every object has that CEL
// rules see in a cluster. That it is missing has been reported.
func nameObject(object map[string]any) {
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	if name, _ := metadata["name"].(string); name == "" {
		metadata["name"] = "unnamed"
	}
}

// validateMetadata stands in for the namespace that kubectl fills in.
func validateMetadata(server *v1alpha1.SecuredMCPServer) field.ErrorList {
	meta := server.ObjectMeta.DeepCopy()
	if meta.Namespace == "" {
		meta.Namespace = "default"
	}
	return apivalidation.ValidateObjectMeta(meta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
}

func renderErrors(object map[string]any) config.FieldErrors {
	server, err := decode(object, "")
	if err != nil {
		return nil // it has been reported
	}
	_, err = render.RuntimeConfig(server)
	if fields, ok := errors.AsType[config.FieldErrors](err); ok {
		return fields
	}
	if err != nil {
		return config.FieldErrors{{Path: "spec", Detail: err.Error()}}
	}
	return nil
}
