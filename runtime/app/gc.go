package app

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// smallHeap is what garbage and twice the live heap may come to before the
	// collector runs. A call allocates about 450 KiB, most of it buffers of the MCP
	// SDK's decoder, against a live heap of a few MiB: by Go's default, as much
	// garbage as there is live heap, the collector would run after every tenth call.
	// Live counts twice for the process to stay small when much is remembered.
	smallHeap = 36 << 20
	// leastGarbage may gather where a third of that is live.
	leastGarbage = 12 << 20
	// shareOfLive is the part of a large live heap that may gather as garbage: half,
	// where Go's default is all of it.
	shareOfLive = 2
	tuneEvery   = time.Second
)

// TuneGC makes the garbage collector of this process run less often than by
// default while little is remembered, and more often, to stay small, while a
// hundred thousand tokens are, until the returned function is called. It does nothing where GOGC is set, which says
// that somebody knows better; GOMEMLIMIT holds as ever. Run calls it.
func TuneGC() (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(initialPercent)
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tune(done)
	}()
	return func() {
		close(done)
		<-stopped
		debug.SetGCPercent(before)
	}
}

// initialPercent lets a heap of unknown size, which is small, reach 16 MiB before
// the first collection.
const initialPercent = 400

// tune follows the live heap, which changes slowly: what a collection leaves.
func tune(done <-chan struct{}) {
	// The pace of the collector counts these as one.
	roots := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/globals:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	percent := initialPercent
	ticker := time.NewTicker(tuneEvery)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		metrics.Read(roots)
		live := roots[0].Value.Uint64()
		if live == 0 {
			continue // nothing was collected yet
		}
		if next := gcPercent(live, live+roots[1].Value.Uint64()+roots[2].Value.Uint64()); next != percent {
			percent = next
			debug.SetGCPercent(percent)
		}
	}
}

// gcPercent is the GOGC by which the heap grows as it may: the collector lets
// garbage gather to that percentage of what it has to look at.
func gcPercent(live, scanned uint64) int {
	garbage := max(smallHeap-min(2*live, smallHeap), leastGarbage, live/shareOfLive)
	return int(max(garbage*100/scanned, 10)) //nolint:gosec // far below an int's limit
}
