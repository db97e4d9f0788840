package serve

import (
	"fmt"
	"os"
	"path/filepath"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/controllers/render"
)

// resolveReferences points c at files of this machine in place of the volumes
// that a pod has.
func resolveReferences(c *config.RuntimeConfig, spec *v1alpha1.SecuredMCPServerSpec, secretsDir string) error {
	ref := spec.Tokens.CABundleRef
	if ref == nil {
		return nil
	}
	key := render.CABundleKey(ref)
	if secretsDir == "" {
		return fmt.Errorf("spec.tokens.caBundleRef: nothing to read ConfigMap %q from; put the certificates in DIR/%s/%s and give --secrets-dir DIR", ref.Name, ref.Name, key)
	}
	path, err := filepath.Abs(filepath.Join(secretsDir, ref.Name, key))
	if err != nil {
		return fmt.Errorf("spec.tokens.caBundleRef: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("spec.tokens.caBundleRef: %w; want the certificates of ConfigMap %q there", err, ref.Name)
	}
	c.Tokens.CABundleFile = path
	return nil
}
