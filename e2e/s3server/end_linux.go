package s3server

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel end the server when the tests are killed.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
