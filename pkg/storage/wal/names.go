package wal

import (
	"fmt"
	"strconv"
	"strings"
)

const lockName = "LOCK"

// counterLeap is how far numbers leap when the counter is gone. No log gives out
// as many while the files of one are still around.
const counterLeap = 1_000_000

func fileName(generation uint64, file uint32) string {
	return fmt.Sprintf("%010d-%06d.wal", generation, file)
}

func parseFileName(name string) (generation uint64, file uint32, ok bool) {
	stem, ok := strings.CutSuffix(name, ".wal")
	if !ok {
		return 0, 0, false
	}
	g, f, ok := strings.Cut(stem, "-")
	if !ok {
		return 0, 0, false
	}
	generation, err := strconv.ParseUint(g, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(f, 10, 32)
	if err != nil || n == 0 {
		return 0, 0, false
	}
	return generation, uint32(n), fileName(generation, uint32(n)) == name
}

// The removed mark and the counter are files whose name says it all.
const (
	removedSuffix = ".removed"
	counterSuffix = ".counter"
)

func numberName(generation uint64, suffix string) string {
	return fmt.Sprintf("%010d%s", generation, suffix)
}

func parseNumberName(name, suffix string) (generation uint64, ok bool) {
	stem, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return 0, false
	}
	generation, err := strconv.ParseUint(stem, 10, 64)
	return generation, err == nil && numberName(generation, suffix) == name
}
