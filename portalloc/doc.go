// Package portalloc owns the passive ports of an FTP server and lends them to
// its sessions, so that a small, fixed range serves everybody. This program
// says hello on one data connection to everyone who connects to port 2121:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//		"net"
//
//		"github.com/portico-ftp/portico/portalloc"
//	)
//
//	func main() {
//		ports, err := portalloc.New(portalloc.Options{
//			Ports: portalloc.PortList{{First: 21100, Last: 21199}},
//		})
//		if err != nil {
//			log.Fatal(err) // names the port, and the program that holds it
//		}
//		defer ports.Close()
//		control, err := net.Listen("tcp", ":2121")
//		if err != nil {
//			log.Fatal(err)
//		}
//		for {
//			session, err := control.Accept()
//			if err != nil {
//				log.Fatal(err)
//			}
//			go serve(ports, session)
//		}
//	}
//
//	func serve(ports *portalloc.Allocator, session net.Conn) {
//		defer session.Close()
//		client := session.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
//		lease, err := ports.Acquire(context.Background(), portalloc.Claim{Client: client})
//		if err != nil {
//			fmt.Fprint(session, "425 No passive port is free.\r\n")
//			return
//		}
//		defer lease.Close()
//		fmt.Fprintf(session, "229 Entering Extended Passive Mode (|||%d|)\r\n", lease.AdvertisedPort())
//		data, err := lease.Accept(context.Background())
//		if err != nil {
//			fmt.Fprint(session, "425 No data connection came.\r\n")
//			return
//		}
//		defer data.Close()
//		fmt.Fprintln(data, "hello")
//	}
//
// # The model
//
// The range ([PortList]) is owned: [New] binds every port and keeps it, so that
// a port that something else holds is an error at the start, and nothing else
// on the machine appears behind the hole in the firewall. Ranges of more than
// 1,024 ports bind a port at its first lease.
//
// A [Lease] is a hold on one port for connections from one set of peers: the
// client's address, or a network where [PeerPolicy] says so. Leases stand on
// one port side by side as long as no connection could belong to two of them,
// so clients with different addresses never compete. A lease ends when its
// connection comes, not with the transfer: a port is taken for about two round
// trips. Which port a lease gets cannot be foretold (RFC 2577 §5, RFC 6056).
//
// A [Claim] is what a session asks: whose client it is, and the lease that it
// gives up, for a session never holds two.
//
// An [Identity] lets leases of one address share a port, too. The connection
// then shows by its first bytes whose it is, as a TLS ClientHello that resumes
// the control connection's session does; an [Identifier], or Options.Identify,
// reads that. Since some clients show it only when their connection has been
// accepted, Accept may return a connection that is bound to the right one at
// its first Read or Write.
//
// The queue: when no port is free, [Allocator.Acquire] waits, first come first
// served for each address and the addresses in turns. While others wait, a
// lease that nobody has connected to for a while (2 s) is reclaimed.
//
// Each lease ends in one [Outcome], which [Options].Observer is told as an
// [Event] and [Allocator.Snapshot] counts. Ports that a client network never
// reaches although it reaches others are remembered, reported and avoided.
//
// Beside the allocator, [Advertiser] knows which address a PASV reply names,
// [Check] finds settings of the machine that get in the way of the ports, and
// [Plan] tells how many ports are enough.
//
// # What the package does not do
//
// It knows nothing of FTP's commands and replies, of TLS or of configuration
// files. It limits neither sessions nor transfers, sets no deadline on the
// connections that it hands out, and closes none of them. It does not read
// PROXY headers or ClientHellos itself: the caller's functions do. And it
// cannot tell apart two clients behind one address that do not identify
// themselves: whoever of them connects first gets the lease's transfer.
package portalloc
