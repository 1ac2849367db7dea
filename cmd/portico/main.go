// Command portico is an FTP server for people who have a firewall, a NAT, a
// load balancer or a Kubernetes Service between the server and its clients.
//
//	portico serve /srv/files
//
// serves a directory; `portico help` lists the other commands.

// Multipath TCP, which Go's listeners offer by default, is off: no FTP client
// uses it, each connection pays for it, and the kernel's Landlock rules for TCP
// ports do not bind such sockets.
//go:debug multipathtcp=0

package main

import (
	"os"
	"runtime/debug"

	"github.com/redis/go-redis/v9/logging"

	"github.com/portico-ftp/portico/cmd/portico/confine"
)

func main() {
	logging.Disable() // go-redis writes to standard error otherwise; what matters is in our log
	p := newProgram(os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	p.confine, p.limitMemory, p.releaseMemory = confine.Apply, limitMemory, debug.FreeOSMemory
	os.Exit(p.run(untilSignal(), os.Args[1:]))
}
