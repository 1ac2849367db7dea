package confine

import "golang.org/x/sys/unix"

const (
	nativeArch         = unix.AUDIT_ARCH_AARCH64
	firstForeignNumber = 0x40000000 // there are none
)
