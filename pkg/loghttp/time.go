package loghttp

import "math"

// The seconds that a timestamp in nanoseconds can express.
const (
	maxSeconds = math.MaxInt64 / 1_000_000_000
	minSeconds = -maxSeconds
)
