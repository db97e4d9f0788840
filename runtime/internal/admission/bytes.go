package admission

import (
	"math"
	"runtime/debug"
)

const (
	// usualMemory is what a pod has unless somebody says otherwise.
	usualMemory = 128 << 20
	// shareOfMemory is the part of it that request bodies may have, and that large
	// answers may have: a twelfth. Both take several times their size while they are
	// decoded and encoded.
	shareOfMemory = 12
)

// pool is the memory for something of which one may have most bytes, and the part of it
// that one caller may have: a quarter, or one of the largest.
func pool(most int64) (limit, share int64) {
	memory := debug.SetMemoryLimit(-1) // GOMEMLIMIT
	if memory == math.MaxInt64 {
		memory = usualMemory
	}
	limit = max(memory/shareOfMemory, most)
	return limit, max(limit/shareOfSource, most)
}

// Bytes is memory that requests share.
type Bytes struct{ memory *shares }

// NewBytes returns a Bytes for what has at most so many bytes.
func NewBytes(most int64) *Bytes { return &Bytes{newShares(pool(most))} }

// Take takes n for a caller, which Give gives back. It returns ErrFull where all is
// taken, and ErrShare where the caller's share is.
func (b *Bytes) Take(caller string, n int64) error { return b.memory.take(caller, n) }

// Give gives n back.
func (b *Bytes) Give(caller string, n int64) { b.memory.give(caller, n) }
