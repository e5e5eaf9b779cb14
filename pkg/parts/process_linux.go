package parts

import (
	"os/exec"
	"syscall"
)

// endWithUs makes a process end with this one, though it be killed.
func endWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
