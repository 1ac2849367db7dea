//go:build unix

package notify

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// leadGroup gives the command a process group of its own, and has all of it
// killed when the command's context is done.
func leadGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
