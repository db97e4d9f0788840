package admission

// Room is a bounded number of places, of which one source may have a quarter.
type Room struct{ places *shares }

// NewRoom returns a Room of limit places.
func NewRoom(limit int) *Room {
	return &Room{newShares(int64(limit), int64(max(1, limit/shareOfSource)))}
}

// Enter takes a place, which leave gives back, or returns false.
func (r *Room) Enter(source string) (leave func(), ok bool) {
	if r.places.take(source, 1) != nil {
		return nil, false
	}
	return func() { r.places.give(source, 1) }, true
}
