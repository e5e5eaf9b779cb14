package block

import (
	"syscall"
	"testing"
)

// cpuTime is the processor time that this process has used, in seconds.
func cpuTime(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// perCPU runs fn as often as the benchmark asks, and reports how many megabytes
// it does in a second of processor time: elapsed time says little on a machine
// that others use too.
func perCPU(b *testing.B, size int64, fn func()) {
	b.ReportAllocs()
	start, n := cpuTime(b), 0
	for b.Loop() {
		fn()
		n++
	}
	b.ReportMetric(float64(size)*float64(n)/1e6/(cpuTime(b)-start), "MB/cpu-s")
}
