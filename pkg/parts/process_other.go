//go:build !linux

package parts

import "os/exec"

// endWithUs does nothing where there is no way: only what [Process.Kill] reaches
// ends.
func endWithUs(*exec.Cmd) {}
