package desired_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/internal/desired"
)

// samples are all manifests of servers below config/samples.
func samples(t *testing.T) map[string]*v1alpha1.SecuredMCPServer {
	t.Helper()
	all := map[string]*v1alpha1.SecuredMCPServer{}
	const root = "../../../config/samples"
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for document := range strings.SplitSeq(string(raw), "\n---\n") {
			s := new(v1alpha1.SecuredMCPServer)
			if err := yaml.Unmarshal([]byte(document), s); err == nil && s.Kind == v1alpha1.Kind {
				all[path+" "+s.Name] = s
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every field is in one half or the other, and comes back from it.
func TestBothHalvesOfAnAcceptedSpecMakeItUp(t *testing.T) {
	seen := map[string]bool{}
	for name, s := range samples(t) {
		s.Spec.Workload.LogLevel = v1alpha1.LogLevelDebug
		s.Spec.Authentication.ACRValues = []string{"urn:mfa"}
		s.Spec.Monitoring = &v1alpha1.Monitoring{}
		s.Spec.Tools[0].InputSchema.Raw = []byte(`{"type":"object","description":"<a & b>, \u0041, ` + "\u2028" + `"}`)
		for i, v := 0, reflect.ValueOf(s.Spec); i < v.NumField(); i++ {
			seen[v.Type().Field(i).Name] = seen[v.Type().Field(i).Name] || !v.Field(i).IsZero()
		}
		bare := s.DeepCopy()
		bare.Spec = v1alpha1.SecuredMCPServerSpec{Title: "of another spec"}
		got, err := desired.AcceptedOf(s).Of(bare)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("%s (-accepted +recalled):\n%s", name, diff)
		}
	}
	for i, spec := 0, reflect.TypeFor[v1alpha1.SecuredMCPServerSpec](); i < spec.NumField(); i++ {
		if field := spec.Field(i).Name; !seen[field] {
			t.Errorf("no sample has %s", field)
		}
	}
}

// A half that is rewritten for nothing has pods told, or costs a write.
func TestEachHalfChangesWithWhatItIsOf(t *testing.T) {
	before := desired.AcceptedOf(sample(t))
	changes := map[string]struct {
		change           func(*v1alpha1.SecuredMCPServerSpec)
		policy, workload bool
	}{
		"a scope":    {func(s *v1alpha1.SecuredMCPServerSpec) { s.RequiredScopes = nil }, true, false},
		"log level":  {func(s *v1alpha1.SecuredMCPServerSpec) { s.Workload.LogLevel = v1alpha1.LogLevelDebug }, true, false},
		"replicas":   {func(s *v1alpha1.SecuredMCPServerSpec) { s.Workload.Replicas = new(int32(7)) }, false, true},
		"exposure":   {func(s *v1alpha1.SecuredMCPServerSpec) { s.Exposure.Ingress = nil }, false, true},
		"monitoring": {func(s *v1alpha1.SecuredMCPServerSpec) { s.Monitoring = &v1alpha1.Monitoring{} }, false, true},
	}
	for name, test := range changes {
		s := sample(t)
		test.change(&s.Spec)
		after := desired.AcceptedOf(s)
		if got := after.Policy != before.Policy; got != test.policy {
			t.Errorf("%s changes the half of the policy: %v", name, got)
		}
		if got := after.Workload != before.Workload; got != test.workload {
			t.Errorf("%s changes the half of the workload: %v", name, got)
		}
	}
}

// No child is refused for the sake of the spec.
func TestASpecIsNotKeptWhereThereIsNoRoomForIt(t *testing.T) {
	s := sample(t)
	half := strings.Repeat("x", 1<<19)
	if _, ok := desired.ConfigMap(s, []byte(half)).Data[desired.AcceptedKey]; !ok {
		t.Error("a ConfigMap with room for the spec has it not")
	}
	if _, ok := desired.ConfigMap(s, []byte(half+half[1:])).Data[desired.AcceptedKey]; ok {
		t.Error("a ConfigMap is too large by the spec")
	}
	s.Spec.Workload.PodAnnotations = map[string]string{"pod": half[:100<<10]}
	if len(desired.ServiceAccount(s).Annotations) == 0 {
		t.Error("a ServiceAccount with room for the spec has it not")
	}
	s.Spec.Exposure.Ingress.Annotations = map[string]string{"ingress": half[:200<<10]}
	if len(desired.ServiceAccount(s).Annotations) > 0 {
		t.Error("the annotations of a ServiceAccount are too large by the spec")
	}
}
