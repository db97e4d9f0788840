package replay

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

const window = 90 * time.Second

func newMemory() *Memory {
	m := NewMemory()
	m.Cover(window)
	return m
}

// id makes IDs of numbers.
func id(n int) ID {
	var id ID
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

func TestAnIDIsUsedOnceWithinTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		// One is used every second; each must be remembered for a window, and be
		// forgotten two windows later.
		const total = 600
		for i := range total {
			if err := m.Use(t.Context(), id(0), id(i)); err != nil {
				t.Fatalf("%d, the first time: %v", i, err)
			}
			if before := i - int(window/time.Second) + 1; before >= 0 {
				if err := m.Use(t.Context(), id(0), id(before)); !errors.Is(err, ErrUsed) {
					t.Fatalf("%d, within the window: %v, want ErrUsed", before, err)
				}
			}
			time.Sleep(time.Second)
		}
		if n := len(m.current.used) + len(m.previous.used); n > 2*int(window/time.Second) {
			t.Errorf("%d are remembered, want at most those of two windows", n)
		}
		time.Sleep(2 * window)
		if err := m.Use(t.Context(), id(0), id(total-1)); err != nil {
			t.Errorf("two windows later: %v, want it to be forgotten", err)
		}
	})
}

func TestAWindowOnlyGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.Cover(time.Second)
		if err := m.Use(t.Context(), id(0), id(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(window - time.Second)
		if err := m.Use(t.Context(), id(0), id(1)); !errors.Is(err, ErrUsed) {
			t.Errorf("%v, want ErrUsed", err)
		}
	})
}

func TestAFullMemoryRefusesAndForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		for i := range maxPerGeneration {
			if err := m.Use(t.Context(), id(i%8), id(i)); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		time.Sleep(30 * time.Second)
		var full *FullError
		if err := m.Use(t.Context(), id(9), id(-1)); !errors.As(err, &full) || full.RetryAfter != window-30*time.Second {
			t.Fatalf("one more: %v, want a FullError with the rest of the window", err)
		}
		if err := m.Use(t.Context(), id(0), id(0)); !errors.Is(err, ErrUsed) {
			t.Errorf("the first: %v, want ErrUsed", err)
		}
		time.Sleep(full.RetryAfter)
		if err := m.Use(t.Context(), id(9), id(-1)); err != nil {
			t.Errorf("after RetryAfter: %v", err)
		}
	})
}

func TestOneOwnerLeavesRoomForOthers(t *testing.T) {
	m := newMemory()
	for i := range maxPerOwner {
		if err := m.Use(t.Context(), id(1), id(i)); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	var full *FullError
	if err := m.Use(t.Context(), id(1), id(-1)); !errors.As(err, &full) {
		t.Errorf("one more of the owner: %v, want a FullError", err)
	}
	refused := 0
	for other := 2; other < 10; other++ {
		if m.Use(t.Context(), id(other), id(-other)) != nil {
			refused++
		}
	}
	if refused > 1 { // one may share the owner's counter, by chance
		t.Errorf("%d of 8 others are refused", refused)
	}
}

// The size that the documentation names, in the worst case: each proof by
// another owner.
func TestAFullMemoryIsSmall(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := newMemory()
	for i := range 2 * maxPerGeneration {
		if i == maxPerGeneration {
			m.began = m.began.Add(-window)
		}
		if err := m.Use(t.Context(), id(-i), id(i)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	size := int(after.HeapAlloc) - int(before.HeapAlloc)
	t.Logf("%.1f MiB for %d proofs", float64(size)/(1<<20), len(m.current.used)+len(m.previous.used))
	if size > 24<<20 {
		t.Errorf("%d bytes, want at most 24 MiB", size)
	}
	runtime.KeepAlive(m)
}

func BenchmarkUse(b *testing.B) {
	m, i := newMemory(), 0
	b.ReportAllocs()
	for b.Loop() {
		if i++; i%(maxPerGeneration/2) == 0 {
			m.began = m.began.Add(-window)
		}
		if err := m.Use(b.Context(), id(i%64), id(i)); err != nil {
			b.Fatal(err)
		}
	}
}
