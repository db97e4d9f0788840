package controllers_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/config/crd"
	"github.com/securedmcp/operator/test/kubetest"
)

// hostRoot is the volume that nobody must get into a pod.
func hostRoot() []any {
	return []any{map[string]any{"name": "host", "hostPath": map[string]any{"path": "/"}}}
}

// volumeFields are what people try who know other operators, below spec.
var volumeFields = map[string][]string{
	"volumes of the workload":           {"workload", "volumes"},
	"volume mounts of the workload":     {"workload", "volumeMounts"},
	"extra volumes":                     {"workload", "extraVolumes"},
	"volumes of the server":             {"volumes"},
	"volumes among what is for the pod": {"workload", "scheduling", "volumes"},
	"a template of the pod":             {"workload", "podTemplate", "spec", "volumes"},
	"a template as Deployments have it": {"workload", "template", "spec", "volumes"},
	"more containers":                   {"workload", "sidecars"},
}

// A field that is dropped and not named would be as bad as one that is taken: its
// author believes in it.
func TestNoFieldTakesVolumes(t *testing.T) {
	w := newWorld(t)
	plain := w.server("plain")
	w.create(plain)
	w.settle(plain)
	want := volumesOf(w, plain)
	if len(want) == 0 {
		t.Fatal("the pods have no volumes at all, not even that of the configuration")
	}
	person, told := w.warned()
	for name, path := range volumeFields {
		t.Run(name, func(t *testing.T) {
			w, s := w.in(t), w.server(strings.ToLower(strings.Join(path, "-")))
			// The API server names the first field that it does not know.
			unknown := `unknown field "` + unknownIn(path) + `"`

			err := person.Create(t.Context(), w.withVolumes(s, path), client.FieldValidation(metav1.FieldValidationStrict), client.DryRunAll)
			if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), unknown) {
				t.Errorf("strictly: %v; want it refused with %s", err, unknown)
			}
			told.all = nil
			if err := person.Create(t.Context(), w.withVolumes(s, path), client.FieldValidation(metav1.FieldValidationWarn)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(told.all, []string{unknown}) {
				t.Errorf("warnings %q, want %s", told.all, unknown)
			}
			w.wantDropped(s, path)
			if diff := cmp.Diff(want, volumesOf(w, s)); diff != "" {
				t.Errorf("volumes of the pods (-without +with the field):\n%s", diff)
			}
		})
	}
}

// wantDropped states that the API server has not kept what is at path, and has the
// operator serve what it has kept.
func (w *world) wantDropped(s *v1alpha1.SecuredMCPServer, path []string) {
	w.t.Helper()
	kept := new(unstructured.Unstructured)
	kept.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	w.read(named(s, kept))
	if value, there, _ := unstructured.NestedFieldNoCopy(kept.Object, append([]string{"spec"}, path...)...); there {
		w.t.Errorf("the API server keeps it: %v", value)
	}
	w.read(s)
	w.seen(s)
	w.settle(s)
}

// unknownIn is the path of the first field that the API does not have.
func unknownIn(path []string) string {
	known := map[string]bool{"workload": true, "workload.scheduling": true}
	at := ""
	for _, name := range path {
		at = strings.TrimPrefix(at+"."+name, ".")
		if !known[at] {
			break
		}
	}
	return "spec." + at
}

// withVolumes is s as a person's YAML has it, with volumes at a path below spec.
func (w *world) withVolumes(s *v1alpha1.SecuredMCPServer, path []string) *unstructured.Unstructured {
	w.t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s)
	if err != nil {
		w.t.Fatal(err)
	}
	delete(fields, "status")
	o := &unstructured.Unstructured{Object: fields}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	if err := unstructured.SetNestedField(fields, hostRoot(), append([]string{"spec"}, path...)...); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// volumesOf are the volumes that pods of s get, the name of s left out.
func volumesOf(w *world, s *v1alpha1.SecuredMCPServer) []corev1.Volume {
	w.t.Helper()
	d := named(s, &appsv1.Deployment{})
	w.read(d)
	out := d.Spec.Template.Spec.Volumes
	for i := range out {
		if c := out[i].ConfigMap; c != nil && c.Name == s.Name {
			c.Name = "of the server"
		}
	}
	return out
}

// warnings are what the API server says beside its answers.
type warnings struct{ all []string }

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.all = append(w.all, text)
}

// warned is a person who reads warnings.
func (w *world) warned() (client.Client, *warnings) {
	w.t.Helper()
	told := new(warnings)
	config := rest.CopyConfig(kubetest.Config(w.t))
	config.WarningHandlerWithContext = told
	c, err := client.New(config, client.Options{Scheme: scheme(w.t)})
	if err != nil {
		w.t.Fatal(err)
	}
	return c, told
}

// What nobody thought of above: no field of the API, at whatever depth, is named
// after volumes or what can have some, and none but the JSON Schema of a tool takes
// whatever is written.
func TestNoFieldIsNamedAfterVolumes(t *testing.T) {
	seen := 0
	eachField(crdSchema(t), "", func(path string, open bool) {
		seen++
		name := strings.ToLower(path[strings.LastIndex(path, ".")+1:])
		for _, word := range []string{"volume", "mount", "hostpath", "podtemplate", "podspec", "container", "sidecar"} {
			if strings.Contains(name, word) {
				t.Errorf("%s is a field", path)
			}
		}
		if open && path != "spec.tools.inputSchema" {
			t.Errorf("%s takes whatever is written", path)
		}
	})
	if seen < 100 {
		t.Errorf("only %d fields were looked at", seen)
	}
}

func crdSchema(t *testing.T) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(crd.SecuredMCPServers, &definition); err != nil {
		t.Fatal(err)
	}
	return definition.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// eachField visits every field below a schema, and tells whether it is open to
// fields that the schema does not have.
func eachField(schema *apiextensionsv1.JSONSchemaProps, path string, visit func(path string, open bool)) {
	for name := range schema.Properties {
		field := schema.Properties[name]
		at := strings.TrimPrefix(path+"."+name, ".")
		visit(at, field.XPreserveUnknownFields != nil && *field.XPreserveUnknownFields)
		eachField(&field, at, visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		eachField(schema.Items.Schema, path, visit)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		eachField(schema.AdditionalProperties.Schema, path, visit)
	}
}
