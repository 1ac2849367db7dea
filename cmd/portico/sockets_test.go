package main

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/portalloc"
)

func TestSocketsAreMatchedByAddress(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		bound, wanted string // P stands for the port
		match         bool
	}{
		"everywhere":                        {":P", ":P", true},
		"everywhere by its IPv4 address":    {":P", "0.0.0.0:P", true},
		"everywhere by its IPv6 address":    {":P", "[::]:P", true},
		"one address":                       {"127.0.0.1:P", "127.0.0.1:P", true},
		"a name":                            {"127.0.0.1:P", "localhost:P", true},
		"another address":                   {"127.0.0.1:P", "127.0.0.2:P", false},
		"one address is not everywhere":     {"127.0.0.1:P", ":P", false},
		"everywhere is not just one":        {":P", "127.0.0.1:P", false},
		"another port of the same address":  {"127.0.0.1:P", "127.0.0.1:1", false},
		"an address that does not resolve":  {":P", "portico.invalid:P", false},
		"an IPv4 address in an IPv6 header": {"127.0.0.1:P", "[::ffff:127.0.0.1]:P", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, port := openSocket(t, strings.Replace(test.bound, "P", "0", 1))
			sockets := mustTake(t, file)
			wanted := strings.Replace(test.wanted, "P", port, 1)
			if got := sockets.nameOf(wanted) != ""; got != test.match {
				t.Errorf("the socket at %s belongs to %s: got %v, want %v", sockets.sockets[0].addr, wanted, got, test.match)
			}
		})
	}
}

func TestSocketIsHandedOutOnce(t *testing.T) {
	t.Parallel()
	file, port := openSocket(t, ":0")
	sockets := mustTake(t, file)
	if err := sockets.unused(); err == nil || !strings.Contains(err.Error(), port) {
		t.Errorf("got %v for a socket that nothing has taken, want an error with its port", err)
	}
	first, err := sockets.listen(t.Context(), ":"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := sockets.unused(); err != nil {
		t.Errorf("got %v after the socket was taken", err)
	}
	if second, err := sockets.listen(t.Context(), ":"+port); err == nil {
		second.Close()
		t.Error("the port was bound once more while the socket is open")
	}
	first.Close()
	second, err := sockets.listen(t.Context(), ":"+port)
	if err != nil {
		t.Fatalf("the port cannot be bound after its socket was closed: %v", err)
	}
	second.Close()
}

func TestSocketServesAPassivePort(t *testing.T) {
	t.Parallel()
	file, port := openSocket(t, ":0")
	sockets := mustTake(t, file)
	list, err := portalloc.ParsePorts(port)
	if err != nil {
		t.Fatal(err)
	}
	if n := sockets.passive(list.Contains); n != 1 {
		t.Errorf("%d sockets are for passive ports, want 1", n)
	}
	options := portalloc.Options{Ports: list, Listen: sockets.listenPort}
	ports, err := portalloc.New(options)
	if err != nil {
		t.Fatalf("the allocator does not take the socket: %v", err)
	}
	if err := sockets.unused(); err != nil {
		t.Error(err)
	}
	ports.Close()
}

func TestWrongSocketsAreRefused(t *testing.T) {
	t.Parallel()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	datagram, err := packets.(*net.UDPConn).File()
	if err != nil {
		t.Skip("this system has no files for sockets:", err)
	}
	plain, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	good, port := openSocket(t, "127.0.0.1:0")
	_, err = takeSockets([]*os.File{datagram, good, plain})
	if err == nil || strings.Count(err.Error(), "ListenStream=") != 2 {
		t.Errorf("got %v, want two faults that name ListenStream=", err)
	}
	again, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatalf("the good socket stays open after the error: %v", err)
	}
	again.Close()
}

func TestNoSocketsBindAsUsual(t *testing.T) {
	t.Parallel()
	var none *handedSockets
	listener, err := none.listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	none.close()
	if none.count() != 0 || none.unused() != nil || none.nameOf(":21") != "" {
		t.Error("there are sockets")
	}
}

// openSocket listens and returns the socket as a service manager would hand it
// over, and its port.
func openSocket(t *testing.T, address string) (file *os.File, port string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err = listener.(*net.TCPListener).File()
	if err != nil {
		t.Skip("this system has no files for sockets:", err)
	}
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return file, port
}

func mustTake(t *testing.T, files ...*os.File) *handedSockets {
	t.Helper()
	sockets, err := takeSockets(files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sockets.close)
	return sockets
}
