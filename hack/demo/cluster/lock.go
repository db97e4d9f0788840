package cluster

import (
	"errors"
	"os"
	"syscall"
)

// TryLock keeps other demos and test runs of this machine off the cluster: they
// would replace each other's certificates. It is given back with Unlock, or
// when the process ends.
func (c *Cluster) TryLock() (locked bool, err error) {
	file, err := os.Open(c.Kubeconfig)
	if err != nil {
		return false, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		return false, err
	}
	c.lock = file
	return true, nil
}

// Unlock lets others at the cluster.
func (c *Cluster) Unlock() {
	if c.lock != nil {
		c.lock.Close()
		c.lock = nil
	}
}
