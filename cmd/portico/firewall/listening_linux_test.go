package firewall_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/cmd/portico/firewall"
	"github.com/portico-ftp/portico/portalloc"
)

func TestListeningInFindsThisProgram(t *testing.T) {
	t.Parallel()
	everywhere, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	loopback, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer loopback.Close()
	open, hidden := portOf(everywhere), portOf(loopback)

	found, err := firewall.ListeningIn(portalloc.PortList{{First: open, Last: open}, {First: hidden, Last: hidden}})
	if err != nil {
		t.Fatal(err)
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || !found[0].Ports.Contains(open) || found[0].Ports.Contains(hidden) || !strings.HasPrefix(found[0].Program, strings.TrimSpace(string(comm))) {
		t.Errorf("got %v, want port %d alone, held by this program", found, open)
	}
}

func portOf(l net.Listener) uint16 { return l.Addr().(*net.TCPAddr).AddrPort().Port() }
