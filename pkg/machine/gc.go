package machine

import (
	"math"
	"os"
	"runtime/debug"
)

// gcPercent is how much garbage there may be for each byte in use, in percent.
// Most of a server's memory is buffers that are used again: collecting sooner
// than Go does by default costs it next to nothing, and a third of the memory
// less is held.
const gcPercent = 50

// memoryShare is the part of the container's memory at which garbage is
// collected as often as it takes to stay below.
const memoryShare = 0.9

// TuneGC sets how eagerly garbage is collected, unless the environment variables
// GOGC and GOMEMLIMIT say so.
func TuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(int64(memoryShare * float64(Memory())))
	}
}
