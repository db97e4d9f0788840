package story

import (
	"cmp"
	"io"
)

// Options say where the story plays.
type Options struct {
	// Kubeconfig of an existing cluster; "" starts the local one.
	Kubeconfig string
	// ImagePrefix and ImageTag say where an existing cluster finds the images.
	ImagePrefix, ImageTag string
	// Domain is where mcp.DOMAIN and auth.DOMAIN are.
	Domain string
	// IngressAddress is where the Ingress listens; "" takes it from the status
	// of an Ingress.
	IngressAddress string
	// Out is told the story.
	Out io.Writer
}

// The domain of the sample manifest, and where released images are.
const (
	sampleDomain       = "example.com"
	defaultImagePrefix = "ghcr.io/securedmcp"
	defaultImageTag    = "dev"
)

// FromEnvironment reads the options that a person sets.
func FromEnvironment(get func(string) string, out io.Writer) Options {
	return Options{
		Kubeconfig:     get("DEMO_KUBECONFIG"),
		ImagePrefix:    cmp.Or(get("DEMO_IMAGE_PREFIX"), defaultImagePrefix),
		ImageTag:       cmp.Or(get("DEMO_IMAGE_TAG"), defaultImageTag),
		Domain:         cmp.Or(get("DEMO_DOMAIN"), sampleDomain),
		IngressAddress: get("DEMO_INGRESS_ADDRESS"),
		Out:            out,
	}
}

// Usage is the help text of the environment variables.
const Usage = `The demo shows the main job from end to end. With the argument "image" it builds the image of its API for a cluster of
yours, and nothing else. Environment:

  DEMO_KUBECONFIG       use this existing cluster instead of starting a local one
  DEMO_IMAGE_PREFIX     where an existing cluster finds the images operator, runtime, securedmcp and
                        demo-billing; default ghcr.io/securedmcp
  DEMO_IMAGE_TAG        their tag; default dev
  DEMO_DOMAIN           mcp.DOMAIN and auth.DOMAIN are served; inside of the cluster these names must lead to the
                        Ingress; default example.com
  DEMO_INGRESS_ADDRESS  where the Ingress listens; default: what the Ingress says in its status
  NO_COLOR              no colours
`
