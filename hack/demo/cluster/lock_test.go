package cluster

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOneAtATimeHasTheLock(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first, second := &Cluster{Kubeconfig: kubeconfig}, &Cluster{Kubeconfig: kubeconfig}
	lock := func(c *Cluster, want bool) {
		t.Helper()
		if got, err := c.TryLock(); got != want || err != nil {
			t.Errorf("locked is %t (%v), want %t", got, err, want)
		}
	}
	lock(first, true)
	lock(second, false)
	first.Unlock()
	lock(second, true)
	second.Unlock()
	second.Unlock() // of what is not locked does nothing
}
