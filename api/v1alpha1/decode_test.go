package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/test/servertest"
)

// One object that cannot be decoded is one that no list of servers can be read
// for: whoever may write one server could stop the operator for all.
func TestWhatTheAPIServerAcceptsDecodes(t *testing.T) {
	c := newClient(t)
	accepted := 0
	object := parse(t, servertest.Everything)
	each(object.Object["spec"], "spec", func(path string, replace func(any)) {
		for _, value := range []any{nil, true, int64(5), 1.5, "x", []any{}, []any{"x"}, []any{int64(5)}, map[string]any{}, map[string]any{"x": "y"}} {
			replace(value)
			if c.Create(t.Context(), object.DeepCopy(), client.DryRunAll) != nil {
				continue
			}
			accepted++
			raw, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, new(v1alpha1.SecuredMCPServer)); err != nil {
				t.Errorf("%s may be %v: %v", path, value, err)
			}
		}
	})
	if accepted < 100 {
		t.Errorf("only %d objects were accepted", accepted)
	}
}

// each visits everything below value with what puts another value in its place;
// afterwards the first one is there again.
func each(value any, path string, visit func(path string, replace func(any))) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			was := value[name]
			visit(path+"."+name, func(other any) { value[name] = other })
			value[name] = was
			each(was, path+"."+name, visit)
		}
	case []any:
		for i, was := range value {
			at := fmt.Sprintf("%s[%d]", path, i)
			visit(at, func(other any) { value[i] = other })
			value[i] = was
			each(was, at, visit)
		}
	}
}
