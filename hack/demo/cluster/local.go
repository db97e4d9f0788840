package cluster

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// LocalState is the folder of the local cluster.
func LocalState() string { return cmp.Or(os.Getenv("CLUSTER_STATE"), "/var/lib/securedmcp-cluster") }

// IsLocal tells whether the cluster is the one of hack/cluster.
func (c *Cluster) IsLocal() bool { return filepath.Dir(c.Kubeconfig) == LocalState() }

// Up starts the local cluster unless it is up already, and connects to it.
// What is said on the way goes to out.
func Up(ctx context.Context, project Project, out io.Writer) (*Cluster, error) {
	if err := project.Script(ctx, out, "hack/cluster/up.sh"); err != nil {
		return nil, err
	}
	return Open(project, filepath.Join(LocalState(), "kubeconfig"))
}

// Load imports images into the local cluster's node.
func (c *Cluster) Load(ctx context.Context, out io.Writer, images ...Image) error {
	if !c.IsLocal() {
		return errors.New("images can be loaded into the local cluster only; push them to a registry instead")
	}
	var tars []string
	for _, i := range images {
		tars = append(tars, i.Tar)
	}
	return c.Project.Script(ctx, out, "hack/cluster/load-images.sh", tars...)
}
