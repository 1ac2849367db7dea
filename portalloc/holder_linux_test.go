package portalloc

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

func TestHolderNamesThisProgram(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err)
			continue
		}
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		want := fmt.Sprintf("(pid %d)", os.Getpid())
		if got := Holder(port); !strings.HasSuffix(got, want) {
			t.Errorf("Holder of a port on %s is %q; want this program %s", address, got, want)
		}
		if _, err := New(Options{Ports: PortList{{port, port}}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New on a taken port: %v; want an error that names this program", err)
		}
		l.Close()
		if got := Holder(port); got != "" {
			t.Errorf("Holder of a closed port is %q", got)
		}
	}
}
