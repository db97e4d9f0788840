// Package crash describes recovered panics for the log without what callers
// sent: neither the panic's value nor the arguments of its functions are told.
package crash

import (
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
)

const maxFrames = 32

// Attrs describes the recovered value and where it was raised: the type of the
// value, and the functions on the stack with file and line, innermost first. Call
// it in the deferred function that recovered.
func Attrs(recovered any) []any {
	return []any{slog.String("type", fmt.Sprintf("%T", recovered)), slog.Any("stack", stack())}
}

// Error describes the recovered value as an error, with the function that raised
// it. Call it in the deferred function that recovered.
func Error(recovered any) error {
	where := "an unknown function"
	if lines := stack(); len(lines) > 0 {
		where = lines[0]
	}
	return fmt.Errorf("panic of type %T in %s", recovered, where)
}

// stack leaves out the frames of the recovery and, above those, of the panic
// itself.
func stack() []string {
	var pcs [maxFrames + 8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	var lines []string
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "runtime.gopanic") {
			lines = nil
		} else {
			lines = append(lines, frame.Function+" "+frame.File+":"+strconv.Itoa(frame.Line))
		}
		if !more {
			return lines[:min(len(lines), maxFrames)]
		}
	}
}
