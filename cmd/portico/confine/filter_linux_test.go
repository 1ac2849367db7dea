//go:build amd64 || arm64

package confine

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

func TestFilterProgram(t *testing.T) {
	t.Parallel()
	const otherHalf = 7 << 32 // of an argument, which the kernel ignores
	tests := map[string]struct {
		arch      uint32
		number    uint32
		arguments [6]uint64
		want      uint32
	}{
		"an ordinary call":               {nativeArch, unix.SYS_READ, [6]uint64{}, allow},
		"the call of a 32-bit program":   {nativeArch &^ 0x80000000, unix.SYS_READ, [6]uint64{}, unknown},
		"a foreign number":               {nativeArch, firstForeignNumber | unix.SYS_READ, [6]uint64{}, unknown},
		"ptrace":                         {nativeArch, unix.SYS_PTRACE, [6]uint64{}, refuse},
		"the last of the list":           {nativeArch, refusedCalls[len(refusedCalls)-1], [6]uint64{}, refuse},
		"TCP":                            {nativeArch, unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_STREAM, 0}, allow},
		"TCP by number":                  {nativeArch, unix.SYS_SOCKET, [6]uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP}, allow},
		"UDP":                            {nativeArch, unix.SYS_SOCKET, [6]uint64{unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDP}, allow},
		"Multipath TCP":                  {nativeArch, unix.SYS_SOCKET, [6]uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, refuse},
		"Multipath TCP over IPv6":        {nativeArch, unix.SYS_SOCKET, [6]uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, refuse},
		"Multipath TCP in disguise":      {nativeArch, unix.SYS_SOCKET, [6]uint64{otherHalf | unix.AF_INET, unix.SOCK_STREAM, otherHalf | unix.IPPROTO_MPTCP}, refuse},
		"a Unix socket":                  {nativeArch, unix.SYS_SOCKET, [6]uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, allow},
		"a question about the network":   {nativeArch, unix.SYS_SOCKET, [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, allow},
		"another family":                 {nativeArch, unix.SYS_SOCKET, [6]uint64{unix.AF_VSOCK, unix.SOCK_STREAM, 0}, refuse},
		"a datagram":                     {nativeArch, unix.SYS_SENDTO, [6]uint64{3, 0, 0, unix.MSG_NOSIGNAL}, allow},
		"fast open":                      {nativeArch, unix.SYS_SENDTO, [6]uint64{3, 0, 0, unix.MSG_NOSIGNAL | unix.MSG_FASTOPEN}, refuse},
		"fast open by message":           {nativeArch, unix.SYS_SENDMSG, [6]uint64{3, 0, unix.MSG_FASTOPEN}, refuse},
		"fast open by messages":          {nativeArch, unix.SYS_SENDMMSG, [6]uint64{3, 0, 0, unix.MSG_FASTOPEN}, refuse},
		"an address that looks like one": {nativeArch, unix.SYS_SENDTO, [6]uint64{3, unix.MSG_FASTOPEN, 0, 0}, allow},
		"a thread":                       {nativeArch, unix.SYS_CLONE, [6]uint64{unix.CLONE_VM | unix.CLONE_THREAD}, allow},
		"a user namespace":               {nativeArch, unix.SYS_CLONE, [6]uint64{unix.CLONE_NEWUSER}, refuse},
		"clone3":                         {nativeArch, unix.SYS_CLONE3, [6]uint64{}, unknown},
	}
	vm, err := bpf.NewVM(filterProgram())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := vm.Run(seccompData(test.number, test.arch, test.arguments))
			if err != nil || uint32(got) != test.want {
				t.Errorf("%#x, %v, want %#x", got, err, test.want)
			}
		})
	}
}

// seccompData is struct seccomp_data, but with the bytes of each word in the
// order that the virtual machine takes for that of the network.
func seccompData(number, arch uint32, arguments [6]uint64) []byte {
	data := binary.BigEndian.AppendUint32(nil, number)
	data = binary.BigEndian.AppendUint32(data, arch)
	data = append(data, make([]byte, 8)...) // where the call came from
	for _, argument := range arguments {
		data = binary.BigEndian.AppendUint32(data, uint32(argument))
		data = binary.BigEndian.AppendUint32(data, uint32(argument>>32))
	}
	return data
}
