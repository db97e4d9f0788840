package live

import (
	"sync"
	"sync/atomic"
)

// retired is added to the count of requests when a generation is replaced.
const retired = -1 << 62

// generation counts the requests of an instance so that it is closed after the
// last of them and not before.
type generation struct {
	instance *Instance
	requests atomic.Int64
	closing  sync.Once
}

func newGeneration(i *Instance) *generation { return &generation{instance: i} }

// enter fails once the generation is retired.
func (g *generation) enter() bool {
	if g.requests.Add(1) > 0 {
		return true
	}
	g.leave()
	return false
}

func (g *generation) leave() {
	if g.requests.Add(-1) == retired {
		g.close()
	}
}

func (g *generation) retire() {
	if g.requests.Add(retired) == retired {
		g.close()
	}
}

// close runs once: a request that comes too late makes the count pass through
// zero again.
func (g *generation) close() { g.closing.Do(g.instance.Close) }
