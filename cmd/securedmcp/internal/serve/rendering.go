package serve

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/api/v1alpha1"
	"github.com/securedmcp/operator/cmd/securedmcp/internal/manifest"
	"github.com/securedmcp/operator/controllers/render"
	"github.com/securedmcp/operator/runtime/app"
)

// rendering is a manifest on its way to the runtime.
type rendering struct {
	server   *v1alpha1.SecuredMCPServer // as served here
	config   *config.RuntimeConfig
	changes  []change
	tls      app.TLS // of the pods, from files of this machine
	raw      []byte
	revision string
}

// renderer turns the manifest into what the runtime enforces here.
type renderer struct {
	local
	name       string
	secretsDir string
}

func (r renderer) render(ctx context.Context, src manifest.Source) (*rendering, error) {
	chosen := manifest.Options{Name: r.name}
	server, err := manifest.Load(ctx, src, chosen)
	if err != nil {
		return nil, err
	}
	out := &rendering{}
	if out.server, out.changes, err = r.adapt(server); err != nil {
		return nil, err
	}
	if out.config, err = render.RuntimeConfig(out.server); err != nil {
		return nil, r.blame(err, &out.server.Spec)
	}
	if absent := builtins(&out.server.Spec); len(absent) > 0 {
		return nil, manifest.Locate(src, chosen, absent)
	}
	var missing config.FieldErrors
	if out.tls, missing = resolveReferences(out.config, &out.server.Spec, r.secretsDir); len(missing) > 0 {
		return nil, manifest.Locate(src, chosen, missing)
	}
	if out.raw, err = config.Encode(out.config); err != nil {
		return nil, err
	}
	out.revision = config.Revision(out.raw)
	return out, nil
}

// builtins are the tools that no code of this command answers. The runtime would
// refuse them, too, but without a line, and to no end: nothing will bring it.
func builtins(spec *v1alpha1.SecuredMCPServerSpec) config.FieldErrors {
	var absent config.FieldErrors
	for i, tool := range spec.Tools {
		if tool.Upstream == config.UpstreamBuiltin {
			absent = append(absent, config.FieldError{
				Path:   fmt.Sprintf("spec.tools[%d].upstream", i),
				Detail: fmt.Sprintf("%s is answered by Go code of the runtime's image, of which this command has none; want a tool with http to serve it here", tool.Name),
			})
		}
	}
	return absent
}

// write replaces the file whole: the runtime never reads half of one.
func (r *rendering) write(path string) error {
	next := filepath.Join(filepath.Dir(path), ".next")
	if err := os.WriteFile(next, r.raw, 0o600); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}
