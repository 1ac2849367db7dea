package confine

import (
	"path/filepath"

	"github.com/portico-ftp/portico/portalloc"
)

// Needs is what a process must still be able to do. The zero value is nothing
// but to use what it has open. Paths are absolute, and a directory stands for
// everything below it.
type Needs struct {
	// Read are files and directories to read. Those that do not exist are left
	// out.
	Read []string
	// Write are files and directories to read, write, make and remove things
	// in. For one that does not exist yet, the nearest directory above that does
	// is taken.
	Write []string
	// Execute are programs and directories of programs to read and to start.
	// Those that do not exist are left out.
	Execute []string
	// Bind are the TCP ports to bind. Port 0, any port that the kernel chooses,
	// always is among them.
	Bind portalloc.PortList
	// Connect are the TCP ports to connect to, on any machine.
	Connect portalloc.PortList
	// AbstractSockets says that abstract Unix sockets of other programs are
	// needed.
	AbstractSockets bool
	// AnyConnect says why TCP connections to every port are needed. Empty: they
	// are not.
	AnyConnect string
}

// Add adds what somebody else needs.
func (n *Needs) Add(more Needs) {
	n.Read = append(n.Read, more.Read...)
	n.Write = append(n.Write, more.Write...)
	n.Execute = append(n.Execute, more.Execute...)
	n.Bind = append(n.Bind, more.Bind...)
	n.Connect = append(n.Connect, more.Connect...)
	n.AbstractSockets = n.AbstractSockets || more.AbstractSockets
	if n.AnyConnect == "" {
		n.AnyConnect = more.AnyConnect
	}
}

// Port is the list of one port.
func Port(port uint16) portalloc.PortList {
	return portalloc.PortList{{First: port, Last: port}}
}

// FollowedFile returns what it takes to read a file again after somebody has
// replaced it: the directory that it is in, and the one that it leads to as a
// symbolic link. Right below the root of the file system that would be too
// much (all of /etc); there it is the file alone, as it is now.
func FollowedFile(file string) []string {
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		target = file
	}
	var paths []string
	for _, path := range []string{file, target} {
		if dir := filepath.Dir(path); !IsNearRoot(dir) {
			path = dir
		}
		paths = append(paths, path)
	}
	return paths
}

// IsNearRoot is true for "/" and for "/etc": too much to be given for the sake
// of one file in it.
func IsNearRoot(dir string) bool {
	above := filepath.Dir(filepath.Clean(dir))
	return above == filepath.Dir(above)
}
