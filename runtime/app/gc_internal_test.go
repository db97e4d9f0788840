package app

import (
	"runtime/debug"
	"testing"
)

func TestTheHeapStaysSmall(t *testing.T) {
	const mb = 1 << 20
	for name, tc := range map[string]struct{ live, scanned, least, most uint64 }{
		"a small heap":           {5 * mb, 6 * mb, 25 * mb, 26 * mb},
		"with remembered tokens": {12 * mb, 14 * mb, 11 * mb, 12 * mb},
		"a large heap":           {400 * mb, 410 * mb, 190 * mb, 210 * mb},
		"a heap of stacks":       {mb, 1000 * mb, 99 * mb, 100 * mb},
	} {
		percent := gcPercent(tc.live, tc.scanned)
		if garbage := tc.scanned * uint64(percent) / 100; garbage < tc.least || garbage > tc.most {
			t.Errorf("%s: %d MB of garbage at GOGC=%d, want %d to %d", name, garbage/mb, percent, tc.least/mb, tc.most/mb)
		}
	}
}

func TestTuningEndsWithItsServer(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	restore := TuneGC()
	restore()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("GOGC is %d afterwards, want 100", got)
	}
	t.Setenv("GOGC", "50")
	restore = TuneGC()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("GOGC is %d where somebody set it, want it left alone", got)
	}
	restore()
}
