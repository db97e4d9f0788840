package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	kyaml "sigs.k8s.io/yaml"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/cmd/securedmcp/internal/manifest"
	"github.com/securedmcp/operator/controllers/render"
)

type renderOptions struct {
	file     string
	manifest manifest.Options
	output   string
	revision bool
}

func newRender(s streams) *cobra.Command {
	var o renderOptions
	cmd := &cobra.Command{
		Use:   "render -f FILE",
		Short: "Print the RuntimeConfig that the operator would write",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), s) },
	}
	manifestFlags(cmd, &o.file, &o.manifest.Name)
	cmd.Flags().StringVarP(&o.manifest.Namespace, "namespace", "n", "", "`namespace` of an object that names none; it is part of the revision")
	cmd.Flags().StringVarP(&o.output, "output", "o", "json", "`format`: json, which is what the runtime reads, or yaml")
	cmd.Flags().BoolVar(&o.revision, "revision", false, "print the revision only, as in the status of the object")
	return cmd
}

// manifestFlags are those of every command that reads a manifest.
func manifestFlags(cmd *cobra.Command, file, name *string) {
	cmd.Flags().StringVarP(file, "filename", "f", "", "`file` with the SecuredMCPServer, or - for stdin (required)")
	cmd.Flags().StringVar(name, "name", "", "`name` of the SecuredMCPServer, when the file holds several")
}

func (o *renderOptions) run(ctx context.Context, s streams) error {
	if o.file == "" {
		return fmt.Errorf("%w: -f FILE is required", errUsage)
	}
	if o.output != "json" && o.output != "yaml" {
		return fmt.Errorf("%w: -o %s: want json or yaml", errUsage, o.output)
	}
	if wrong := validation.IsDNS1123Label(o.manifest.Namespace); o.manifest.Namespace != "" && len(wrong) > 0 {
		return fmt.Errorf("%w: -n %q: want at most 63 lower-case letters, digits and hyphens, the first and the last no hyphen", errUsage, o.manifest.Namespace)
	}
	src, err := manifest.Read(o.file, s.in)
	if err != nil {
		return err
	}
	server, err := manifest.Load(ctx, src, o.manifest)
	if err != nil {
		return err
	}
	c, err := render.RuntimeConfig(server)
	if err != nil {
		return err
	}
	raw, err := config.Encode(c)
	if err != nil {
		return err
	}
	return o.print(s, raw)
}

func (o *renderOptions) print(s streams, raw []byte) error {
	if o.revision {
		raw = []byte(config.Revision(raw) + "\n")
	} else if o.output == "yaml" {
		converted, err := kyaml.JSONToYAML(raw)
		if err != nil {
			return fmt.Errorf("converting to YAML: %w", err)
		}
		raw = converted
	}
	_, err := s.out.Write(raw)
	return err
}
