package machine

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
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

// leastPercent keeps collections from following one another without a pause.
const leastPercent = 10

// BoundGarbage has garbage collected before there are so many bytes of it, where
// [TuneGC] would wait for longer: what a program holds and seldom touches should
// not double as much again. It goes by what is in use now, and is called again as
// that changes.
func BoundGarbage(bytes uint64) {
	if os.Getenv("GOGC") != "" {
		return
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	if metrics.Read(sample); sample[0].Value.Kind() == metrics.KindUint64 {
		debug.SetGCPercent(percentFor(sample[0].Value.Uint64(), bytes))
	}
}

// percentFor is how much garbage there may be beside so much that is in use.
func percentFor(live, garbage uint64) int {
	return int(max(leastPercent, min(gcPercent, garbage*100/max(live, 1))))
}
