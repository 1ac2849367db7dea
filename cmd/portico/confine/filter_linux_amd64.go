package confine

import "golang.org/x/sys/unix"

const (
	nativeArch = unix.AUDIT_ARCH_X86_64
	// firstForeignNumber begins the numbers of x32, which are the same calls
	// again.
	firstForeignNumber = 0x40000000
)
