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
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/portico-ftp/portico/cmd/portico/confine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal shuts down; the next one has its usual effect again and
	// ends the process at once.
	context.AfterFunc(ctx, stop)
	p := newProgram(os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	p.confine, p.limitMemory = confine.Apply, limitMemory
	os.Exit(p.run(ctx, os.Args[1:]))
}
