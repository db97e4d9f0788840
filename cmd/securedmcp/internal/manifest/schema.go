package manifest

import (
	"fmt"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	kyaml "sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/config/crd"
)

// crdSchema is the schema of SecuredMCPServer in the forms that the API server
// checks objects with.
type crdSchema struct {
	structural *structuralschema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

// loadSchema compiles the schema once; the CEL rules take most of the time.
var loadSchema = sync.OnceValues(func() (*crdSchema, error) {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := kyaml.Unmarshal(crd.SecuredMCPServers, &definition); err != nil {
		return nil, fmt.Errorf("decoding the embedded CustomResourceDefinition: %w", err)
	}
	for _, version := range definition.Spec.Versions {
		if version.Name == v1alpha1.Version {
			return compileSchema(version.Schema.OpenAPIV3Schema)
		}
	}
	return nil, fmt.Errorf("the embedded CustomResourceDefinition has no version %s", v1alpha1.Version)
})

func compileSchema(v1 *apiextensionsv1.JSONSchemaProps) (*crdSchema, error) {
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v1, &internal, nil); err != nil {
		return nil, fmt.Errorf("converting the embedded schema: %w", err)
	}
	structural, err := structuralschema.NewStructural(&internal)
	if err != nil {
		return nil, fmt.Errorf("compiling the embedded schema: %w", err)
	}
	openAPI, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return nil, fmt.Errorf("compiling the embedded schema: %w", err)
	}
	return &crdSchema{
		structural: structural,
		openAPI:    openAPI,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}
