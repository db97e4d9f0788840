package app

import (
	"os"
	"runtime"
	"runtime/debug"
)

// ballastBytes is how much garbage may gather before the collector runs. A call
// allocates about 400 KiB, most of it buffers of the MCP SDK's decoder, against
// a live heap of a few MiB: without ballast the collector would run after every
// tenth call.
const ballastBytes = 16 << 20

// TuneGC makes the garbage collector of this process run less often, until the
// returned function is called. The memory it takes is address space only: its
// pages are never touched. It does nothing where GOGC is set, which says that
// somebody knows better, or where GOMEMLIMIT, which counts the ballast, is
// tight. Run calls it.
func TuneGC() (restore func()) {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) < 4*ballastBytes {
		return func() {}
	}
	ballast := make([]byte, ballastBytes)
	return func() { runtime.KeepAlive(ballast) }
}
