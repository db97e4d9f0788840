package render

import "cmp"

// DefaultClusterDomain is the domain of the names of Services in a cluster that
// nobody has given another.
const DefaultClusterDomain = "cluster.local"

// Cluster is what a spec alone does not tell about where it is served.
type Cluster struct {
	// Domain is that of the names of Services. Empty is DefaultClusterDomain.
	Domain string
}

func (c Cluster) domain() string { return cmp.Or(c.Domain, DefaultClusterDomain) }
