package authserver

import (
	"strconv"
	"testing"
	"time"
)

func TestWhatIsOverIsForgottenWhenTheMapGrows(t *testing.T) {
	var m expiring[int]
	start := time.Now()
	for i := range minSweep {
		m.put("old"+strconv.Itoa(i), i, start, start.Add(time.Second))
	}
	later := start.Add(time.Minute)
	if _, ok := m.get("old1", later); ok {
		t.Error("an entry is there after its time")
	}
	m.put("new", 1, later, later.Add(time.Second))
	if len(m.entries) != 1 {
		t.Errorf("%d entries; want the new one alone", len(m.entries))
	}
}
