//go:build race

package stage_test

// raced says that the race detector runs, under which pools forget at random.
const raced = true
