//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// hideVariable has the test binary hide Landlock from itself and become the
// program in it, with its own arguments, instead of running tests.
const hideVariable = "HIDE_LANDLOCK_FROM"

// hidden is portico as it would be on a kernel without Landlock.
func hidden(args ...string) *exec.Cmd {
	cmd := exec.Command(testBinary(), args...)
	cmd.Dir = suite.dir
	cmd.Env = append(cleanEnvironment(suite.dir), hideVariable+"="+suite.binary)
	return cmd
}

func runHidden(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := hidden(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// becomeHidden returns only if it fails.
func becomeHidden(program string) error {
	runtime.LockOSThread()
	if who := unprivileged(); who != nil {
		if err := errors.Join(unix.Setgroups(nil), unix.Setresgid(int(who.gid), int(who.gid), int(who.gid)), unix.Setresuid(int(who.uid), int(who.uid), int(who.uid))); err != nil {
			return err
		}
	}
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_LANDLOCK_CREATE_RULESET, SkipFalse: 1},
		bpf.RetConstant{Val: uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.ENOSYS)},
		bpf.RetConstant{Val: uint32(unix.SECCOMP_RET_ALLOW)},
	})
	if err != nil {
		return err
	}
	filter := unix.SockFprog{Len: uint16(len(raw)), Filter: (*unix.SockFilter)(unsafe.Pointer(&raw[0]))}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&filter)), 0, 0); err != nil {
		return err
	}
	return syscall.Exec(program, append([]string{program}, os.Args[1:]...), os.Environ())
}

// testBinary is this program.
func testBinary() string {
	binary, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return binary
}
