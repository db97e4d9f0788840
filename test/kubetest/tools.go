package kubetest

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Tool runs one of the programs beside the API server, such as kubectl or helm,
// in the root of the repository. It returns what the program printed and, if it
// failed, what it complained about.
func Tool(t testing.TB, name string, args ...string) (stdout []byte, complaint string) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := assetsDir(root, name)
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, name), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &out, &errOut
	// A person's own configuration of the tool does not count here.
	cmd.Env = []string{"HOME=" + t.TempDir()}
	if err := cmd.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
		return out.Bytes(), errOut.String() + err.Error()
	}
	return out.Bytes(), ""
}

// Objects decodes the YAML documents of manifests.
func Objects(t testing.TB, manifests []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096); ; {
		o := new(unstructured.Unstructured)
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}
