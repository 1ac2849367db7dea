package firewall

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// ListeningIn lists what listens in a list of ports on this machine now, on
// more than a loopback address. It errs where the system does not tell.
func ListeningIn(ports portalloc.PortList) ([]Listening, error) {
	var found []uint16
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		more, err := listeningPorts(table)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	slices.Sort(found)
	found = slices.DeleteFunc(slices.Compact(found), func(port uint16) bool { return !ports.Contains(port) })
	return byProgram(found, portalloc.Holder), nil
}

// listeningPorts reads a table of the form that proc(5) describes. A kernel
// without IPv6 has no table of it.
func listeningPorts(table string) ([]uint16, error) {
	const stateListen = "0A"
	file, err := os.Open(table)
	if os.IsNotExist(err) && strings.HasSuffix(table, "6") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var ports []uint16
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != stateListen {
			continue
		}
		addr, port, _ := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(port, 16, 16); err == nil && !isLoopbackHex(addr) {
			ports = append(ports, uint16(n))
		}
	}
	return ports, lines.Err()
}

// isLoopbackHex recognises 127.0.0.0/8 and ::1 as a little-endian kernel prints
// them. A big-endian one prints them otherwise: they are then listed too.
func isLoopbackHex(addr string) bool {
	return len(addr) == 8 && strings.HasSuffix(addr, "7F") || addr == "00000000000000000000000001000000"
}
