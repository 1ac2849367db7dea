package portalloc

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// System is what a machine does to ports. A zero field is not known, and
// nothing is found on its account.
type System struct {
	// EphemeralPorts are those that the kernel gives to outgoing connections.
	EphemeralPorts PortRange
	// ReservedPorts are those of them that it does not give.
	ReservedPorts PortList
	// UnprivilegedPortStart is the first port that every user may bind.
	UnprivilegedPortStart int
	// MayBindPrivileged says that this process may bind the ports below, too.
	MayBindPrivileged bool
	// OpenFiles is the number of files that this process may have open.
	OpenFiles uint64
}

// ReadSystem reads what is known of this machine, in the network namespace of
// this process. Only Linux tells, in /proc.
func ReadSystem() System { return readProc(os.DirFS("/proc")) }

func readProc(proc fs.FS) System {
	start, _ := strconv.Atoi(procWord(proc, "sys/net/ipv4/ip_unprivileged_port_start", 0))
	reserved, _ := ParsePorts(procLine(proc, "sys/net/ipv4/ip_local_reserved_ports"))
	return System{
		EphemeralPorts:        readEphemeralPorts(proc),
		ReservedPorts:         reserved,
		UnprivilegedPortStart: start,
		MayBindPrivileged:     readMayBindPrivileged(proc),
		OpenFiles:             readOpenFiles(proc),
	}
}

func readEphemeralPorts(proc fs.FS) PortRange {
	const setting = "sys/net/ipv4/ip_local_port_range"
	r, err := parseRange(procWord(proc, setting, 0) + "-" + procWord(proc, setting, 1))
	if err != nil {
		return PortRange{}
	}
	return r
}

// readMayBindPrivileged looks for CAP_NET_BIND_SERVICE, which root normally
// has.
func readMayBindPrivileged(proc fs.FS) bool {
	const capNetBindService = 10
	effective, err := strconv.ParseUint(procField(proc, "self/status", "CapEff:"), 16, 64)
	return err == nil && effective&(1<<capNetBindService) != 0
}

// readOpenFiles reads the soft limit; "unlimited" is not known, which comes to
// the same.
func readOpenFiles(proc fs.FS) uint64 {
	limit, _ := strconv.ParseUint(procField(proc, "self/limits", "Max open files"), 10, 64)
	return limit
}

func procLine(proc fs.FS, name string) string {
	content, err := fs.ReadFile(proc, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}

// procWord returns the n-th word of a file, "" if there is none.
func procWord(proc fs.FS, name string, n int) string {
	if words := strings.Fields(procLine(proc, name)); n < len(words) {
		return words[n]
	}
	return ""
}

// procField returns the first word after a label at the start of a line.
func procField(proc fs.FS, name, label string) string {
	for line := range strings.Lines(procLine(proc, name)) {
		if rest, found := strings.CutPrefix(line, label); found {
			if words := strings.Fields(rest); len(words) > 0 {
				return words[0]
			}
		}
	}
	return ""
}
