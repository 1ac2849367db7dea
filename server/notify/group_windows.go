package notify

import (
	"os/exec"
	"strconv"
	"syscall"
)

// leadGroup has the command and its descendants killed when the command's
// context is done. Windows has no process groups in the sense of Unix, but
// taskkill follows the tree.
func leadGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
	cmd.Cancel = func() error {
		pid := strconv.Itoa(cmd.Process.Pid)
		if exec.Command("taskkill", "/T", "/F", "/PID", pid).Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
}
