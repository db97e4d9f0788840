package authserver

import (
	"sync"
	"time"
)

// expiring is a map whose entries end at a time of their own. The zero value is
// ready to use.
type expiring[V any] struct {
	mu      sync.Mutex
	entries map[string]entry[V]
	sweepAt int
}

type entry[V any] struct {
	value   V
	expires time.Time
}

// minSweep keeps small maps from being swept at every put.
const minSweep = 1024

func (e *expiring[V]) put(key string, value V, now, expires time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.putLocked(key, value, now, expires)
}

func (e *expiring[V]) putLocked(key string, value V, now, expires time.Time) {
	if e.entries == nil {
		e.entries = map[string]entry[V]{}
	}
	e.sweep(now)
	e.entries[key] = entry[V]{value, expires}
}

// add puts an entry unless there is one, and tells whether it did.
func (e *expiring[V]) add(key string, value V, now, expires time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.lookup(key, now); ok {
		return false
	}
	e.putLocked(key, value, now, expires)
	return true
}

// get returns the entry unless it is over at now.
func (e *expiring[V]) get(key string, now time.Time) (V, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lookup(key, now)
}

// take returns the entry and removes it: nobody else gets it.
func (e *expiring[V]) take(key string, now time.Time) (V, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	value, ok := e.lookup(key, now)
	delete(e.entries, key)
	return value, ok
}

// drop removes the entry if there is one.
func (e *expiring[V]) drop(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.entries, key)
}

// sweep removes what is over when the map has doubled since the last time.
func (e *expiring[V]) sweep(now time.Time) {
	if len(e.entries) < max(e.sweepAt, minSweep) {
		return
	}
	for key, entry := range e.entries {
		if !now.Before(entry.expires) {
			delete(e.entries, key)
		}
	}
	e.sweepAt = 2 * len(e.entries)
}

func (e *expiring[V]) lookup(key string, now time.Time) (V, bool) {
	entry, ok := e.entries[key]
	if !ok || !now.Before(entry.expires) {
		var none V
		return none, false
	}
	return entry.value, true
}
