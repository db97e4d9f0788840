package controllers

import (
	"crypto/sha256"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// verdicts remember which children were found to be as they should be. To find
// out takes most of a pass over an unchanged server, and most passes are: a
// child's own event, the status of a Deployment, a resync. The zero value is
// ready for use.
type verdicts struct {
	mu       sync.Mutex
	byServer map[client.ObjectKey]map[string]verdict
}

// verdict is that one version of a live object is what is wanted.
type verdict struct {
	uid     types.UID
	version string
	wanted  [sha256.Size]byte
}

// verdictOn is the verdict on c if it is as it should be.
func verdictOn(c *child) (verdict, error) {
	wanted, err := c.encoded()
	if err != nil {
		return verdict{}, err
	}
	return verdict{uid: c.live.GetUID(), version: c.live.GetResourceVersion(), wanted: sha256.Sum256(wanted)}, nil
}

// current is c.current for a child of server that exists, unless it is known.
func (v *verdicts) current(server client.ObjectKey, c *child) (bool, error) {
	now, err := verdictOn(c) // before anything is added to what is wanted
	if err != nil {
		return false, err
	}
	if v.of(server, c.kind) == now {
		return true, nil
	}
	current, err := c.current()
	if current {
		v.remember(server, c.kind, now)
	}
	return current, err
}

func (v *verdicts) of(server client.ObjectKey, kind string) verdict {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.byServer[server][kind]
}

func (v *verdicts) remember(server client.ObjectKey, kind string, now verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byServer == nil {
		v.byServer = map[client.ObjectKey]map[string]verdict{}
	}
	if v.byServer[server] == nil {
		v.byServer[server] = map[string]verdict{}
	}
	v.byServer[server][kind] = now
}

// end forgets the server: it is gone.
func (v *verdicts) end(server client.ObjectKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.byServer, server)
}
