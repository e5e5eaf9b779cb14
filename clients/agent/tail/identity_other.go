//go:build unix && !linux

package tail

import "syscall"

func modifiedOf(st *syscall.Stat_t) syscall.Timespec { return st.Mtimespec }

// silent reports whether changes in a folder may come without events.
func silent(string) bool { return false }
