package admission

import "sync"

// leastBytes is what a Bytes has at least: a pod has 128 MiB unless somebody says
// otherwise, and a body takes several times its size while it is worked on.
const leastBytes = 8 << 20

// Bytes is memory that requests share, of which one caller may have a quarter.
type Bytes struct {
	limit, share int64

	mu       sync.Mutex
	total    int64
	byCaller map[string]int64
}

// NewBytes returns a Bytes of which one caller's share is at least that of one
// request of most.
func NewBytes(most int64) *Bytes {
	limit := max(leastBytes, shareOfSource*most)
	return &Bytes{limit: limit, share: limit / shareOfSource, byCaller: map[string]int64{}}
}

// Take takes n for a caller, which Give gives back, or returns false.
func (b *Bytes) Take(caller string, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.total+n > b.limit || b.byCaller[caller]+n > b.share {
		return false
	}
	b.total += n
	b.byCaller[caller] += n
	return true
}

// Give gives n back.
func (b *Bytes) Give(caller string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total -= n
	if b.byCaller[caller] -= n; b.byCaller[caller] == 0 {
		delete(b.byCaller, caller)
	}
}
