//go:build amd64 || arm64

package confine

import (
	"fmt"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filter installs the filter in every thread, or in none.
func (thisProcess) filter() error {
	raw, err := bpf.Assemble(filterProgram())
	if err != nil {
		return err
	}
	code := make([]unix.SockFilter, len(raw))
	for i, instruction := range raw {
		code[i] = unix.SockFilter{Code: instruction.Op, Jt: instruction.Jt, Jf: instruction.Jf, K: instruction.K}
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	if thread != 0 {
		return fmt.Errorf("thread %d has a filter of its own", thread)
	}
	return nil
}

// filter asks whether the kernel has such filters.
func (trial) filter() error {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action))); errno != 0 {
		return errno
	}
	return nil
}

// What the program answers.
const (
	allow   = uint32(unix.SECCOMP_RET_ALLOW)
	refuse  = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EPERM)
	unknown = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.ENOSYS)
)

// Where the program finds things (struct seccomp_data). Arguments that the
// kernel takes for 32 bits are compared by their lower half alone: it ignores
// the rest.
const (
	offsetNumber    = 0
	offsetArch      = 4
	offsetArguments = 16
)

// filterProgram is the filter. The kernel works out by itself for which numbers
// it always allows, and asks it only about the others.
func filterProgram() []bpf.Instruction {
	program := []bpf.Instruction{
		// The numbers of other architectures (32-bit programs) mean other calls.
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: nativeArch, SkipTrue: 1},
		bpf.RetConstant{Val: unknown},
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: firstForeignNumber, SkipTrue: 1},
		bpf.RetConstant{Val: unknown},
	}
	program = append(program, on(unix.SYS_SOCKET, socketRule())...)
	program = append(program, on(unix.SYS_SENDTO, flagRule(3, unix.MSG_FASTOPEN))...)
	program = append(program, on(unix.SYS_SENDMSG, flagRule(2, unix.MSG_FASTOPEN))...)
	program = append(program, on(unix.SYS_SENDMMSG, flagRule(3, unix.MSG_FASTOPEN))...)
	program = append(program, on(unix.SYS_CLONE, flagRule(0, namespaces))...)
	// Its flags are in memory, where a filter cannot look. Callers fall back on
	// clone.
	program = append(program, on(unix.SYS_CLONE3, []bpf.Instruction{bpf.RetConstant{Val: unknown}})...)
	for _, number := range refusedCalls {
		program = append(program, on(number, []bpf.Instruction{bpf.RetConstant{Val: refuse}})...)
	}
	return append(program, bpf.RetConstant{Val: allow})
}

// on runs a rule, which always returns, for one system call. The number is
// loaded before and after.
func on(number uint32, rule []bpf.Instruction) []bpf.Instruction {
	return append([]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: number, SkipTrue: uint8(len(rule))}}, rule...)
}

// socketRule lets through Unix sockets, those that ask the kernel about the
// network, and TCP and UDP. Landlock sees no other stream sockets, Multipath
// TCP above all.
func socketRule() []bpf.Instruction {
	return []bpf.Instruction{
		loadArgument(0),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_UNIX, SkipTrue: 8},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_NETLINK, SkipTrue: 7},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_INET, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.AF_INET6, SkipTrue: 4},
		loadArgument(2),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_IP, SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipTrue: 1},
		bpf.RetConstant{Val: refuse},
		bpf.RetConstant{Val: allow},
	}
}

// flagRule refuses a call one of whose flags is set. MSG_FASTOPEN connects
// without Landlock's being asked.
func flagRule(argument, flags uint32) []bpf.Instruction {
	return []bpf.Instruction{
		loadArgument(argument),
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: flags, SkipFalse: 1},
		bpf.RetConstant{Val: refuse},
		bpf.RetConstant{Val: allow},
	}
}

// loadArgument loads the lower half of an argument. Both architectures put it
// first.
func loadArgument(n uint32) bpf.Instruction {
	return bpf.LoadAbsolute{Off: offsetArguments + 8*n, Size: 4}
}

// namespaces are the flags of clone that make one.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// refusedCalls are those that neither a server of files needs nor, with few
// exceptions, a program that it starts, and that attackers do: to look into
// other processes, to rearrange file systems, and to reach the less trodden
// parts of the kernel.
var refusedCalls = []uint32{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE,
	unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
	unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_LOOKUP_DCOOKIE, unix.SYS_VHANGUP,
}
