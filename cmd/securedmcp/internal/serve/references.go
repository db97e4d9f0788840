package serve

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
	"github.com/securedmcp/operator/runtime/app"
)

// resolveReferences points c, and the TLS options that it returns, at files of
// this machine in place of the volumes that a pod has. Those that are not there
// are returned as errors at the fields that name them.
func resolveReferences(c *config.RuntimeConfig, spec *v1alpha1.SecuredMCPServerSpec, secretsDir string) (app.TLS, config.FieldErrors) {
	here := map[string]string{} // by the path in a pod
	var missing config.FieldErrors
	for _, ref := range render.References(spec) {
		for _, key := range ref.Keys {
			path, err := find(ref, key, secretsDir)
			if err != nil {
				missing = append(missing, config.FieldError{Path: ref.Field, Detail: err.Error()})
				break
			}
			here[ref.Path(key)] = path
		}
	}
	if len(missing) > 0 {
		return app.TLS{}, missing
	}
	c.MoveFiles(func(path string) string { return cmp.Or(here[path], path) })
	tls := render.PodTLS(spec)
	if tls == nil {
		return app.TLS{}, nil
	}
	return app.TLS{CertFile: here[tls.CertFile], KeyFile: here[tls.KeyFile]}, nil
}

// find returns the file that stands for a key.
func find(ref render.Reference, key, secretsDir string) (string, error) {
	if secretsDir == "" {
		return "", fmt.Errorf("nothing to read %s %q from; put %s in %s and give --secrets-dir DIR", ref.Kind, ref.Name, ref.Content, places(ref))
	}
	path, err := filepath.Abs(filepath.Join(secretsDir, ref.Name, key))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w; want %s of %s %q there", err, ref.Content, ref.Kind, ref.Name)
	}
	return path, nil
}

// places says "DIR/mcp-tls/tls.crt and DIR/mcp-tls/tls.key".
func places(ref render.Reference) string {
	var paths []string
	for _, key := range ref.Keys {
		paths = append(paths, "DIR/"+ref.Name+"/"+key)
	}
	return strings.Join(paths, " and ")
}
