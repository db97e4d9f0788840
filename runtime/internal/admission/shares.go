package admission

import "sync"

// shares are so much of something, of which each of those who have it may have a part.
type shares struct {
	limit, share int64

	mu    sync.Mutex
	total int64
	of    map[string]int64
}

func newShares(limit, share int64) *shares {
	return &shares{limit: limit, share: share, of: map[string]int64{}}
}

// take takes n, which give gives back. It returns ErrShare where their share is taken, and
// ErrFull where all is.
func (s *shares) take(who string, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.of[who]+n > s.share:
		return ErrShare
	case s.total+n > s.limit:
		return ErrFull
	}
	s.total += n
	s.of[who] += n
	return nil
}

func (s *shares) give(who string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total -= n
	if s.of[who] -= n; s.of[who] == 0 {
		delete(s.of, who)
	}
}
