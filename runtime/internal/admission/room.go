package admission

import "sync"

// Room is a bounded number of places, of which one source may have a quarter.
type Room struct {
	limit, share int

	mu       sync.Mutex
	total    int
	bySource map[string]int
}

// NewRoom returns a Room of limit places.
func NewRoom(limit int) *Room {
	return &Room{limit: limit, share: max(1, limit/shareOfSource), bySource: map[string]int{}}
}

// Enter takes a place, which leave gives back, or returns false.
func (r *Room) Enter(source string) (leave func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.total >= r.limit || r.bySource[source] >= r.share {
		return nil, false
	}
	r.total++
	r.bySource[source]++
	return func() { r.leave(source) }, true
}

func (r *Room) leave(source string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total--
	if r.bySource[source]--; r.bySource[source] == 0 {
		delete(r.bySource, source)
	}
}
