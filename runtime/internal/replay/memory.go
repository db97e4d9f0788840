// Package replay remembers for a while what may be used only once, such as a
// DPoP proof (RFC 9449 section 11.1).
package replay

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"
)

// ID stands for what may be used once, or for who uses it: a part of a
// cryptographic digest.
type ID [16]byte

// ErrUsed says that an ID was used before.
var ErrUsed = errors.New("used before")

// FullError says that there is no room to remember one more ID, which is then
// not to be accepted.
type FullError struct {
	// RetryAfter is when there will be room.
	RetryAfter time.Duration
}

func (e *FullError) Error() string { return "no room to remember it before " + e.RetryAfter.String() }

// Once lets each ID of an owner be used once.
type Once interface {
	// Use returns nil the first time, then ErrUsed, and a *FullError where it
	// cannot remember.
	Use(ctx context.Context, owner, id ID) error
	// Used tells whether the ID is known to be used, without using it. It may
	// know less than Use.
	Used(id ID) bool
}

const (
	// maxPerGeneration bounds what is remembered: with a window of 90 seconds,
	// 2900 a second.
	maxPerGeneration = 1 << 18
	// maxPerOwner keeps one owner from taking the room of all.
	maxPerOwner = maxPerGeneration / 4
	// ownerCounters are few: owners are told apart well enough, and nobody can
	// choose whom to share a counter with.
	ownerCounters = 4096
)

// Memory is a Once of this process. It remembers an ID for one to two windows,
// in two generations of at most 262144 IDs each, a quarter of them of one owner:
// at most 24 MiB when both are full. What is full refuses until the older
// generation is forgotten; nothing is forgotten early.
type Memory struct {
	seed     maphash.Seed
	mu       sync.Mutex
	window   time.Duration
	began    time.Time // when current did
	current  generation
	previous generation
}

// generation is what was used within one window.
type generation struct {
	used    map[ID]struct{}
	byOwner []uint32
}

func newGeneration() generation {
	return generation{used: map[ID]struct{}{}, byOwner: make([]uint32, ownerCounters)}
}

// NewMemory returns an empty Memory whose window is 0; see Cover.
func NewMemory() *Memory {
	return &Memory{seed: maphash.MakeSeed(), began: time.Now(), current: newGeneration(), previous: newGeneration()}
}

// Cover makes the Memory remember for at least window. A window only grows: what
// was accepted under the longer one still has to be remembered for as long.
func (m *Memory) Cover(window time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.window = max(m.window, window)
}

// Use implements Once.
func (m *Memory) Use(_ context.Context, owner, id ID) error {
	now, counter := time.Now(), maphash.Comparable(m.seed, owner)%ownerCounters
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rotate(now)
	if m.knows(id) {
		return ErrUsed
	}
	if len(m.current.used) >= maxPerGeneration || m.current.byOwner[counter] >= maxPerOwner {
		return &FullError{RetryAfter: m.began.Add(m.window).Sub(now)}
	}
	m.current.used[id] = struct{}{}
	m.current.byOwner[counter]++
	return nil
}

// Used implements Once.
func (m *Memory) Used(id ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rotate(time.Now())
	return m.knows(id)
}

func (m *Memory) knows(id ID) bool {
	_, now := m.current.used[id]
	_, before := m.previous.used[id]
	return now || before
}

// rotate forgets the older generation when the newer one is a window old, and
// both when nothing was asked for a window more.
func (m *Memory) rotate(now time.Time) {
	age := now.Sub(m.began)
	if age < m.window {
		return
	}
	if m.previous = m.current; age >= 2*m.window {
		m.previous = newGeneration()
	}
	m.current, m.began = newGeneration(), now
}
