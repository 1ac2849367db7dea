//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// exchange sends a command and returns its reply. It may run on any goroutine.
func (r *raw) exchange(format string, args ...any) (int, string, error) {
	if err := r.PrintfLine(format, args...); err != nil {
		return 0, "", err
	}
	return r.reply()
}

// sessionsFrom logs in several clients of one address.
func sessionsFrom(t *testing.T, s *site, local netip.Addr, n int) []*raw {
	t.Helper()
	sessions := make([]*raw, n)
	for i := range sessions {
		sessions[i] = dialRawFrom(t, s.controlAddress(), local)
		sessions[i].login()
	}
	return sessions
}

// One address that asks for ports in many sessions and connects to none of them
// takes the only port from itself alone.
func TestHogOfLeasesDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	second := secondClient(t)
	s := newSite(t)
	s.narrow(1)
	s.set("passive.wait", "60s")
	s.start()
	hogs := sessionsFrom(t, s, netip.MustParseAddr("127.0.0.1"), 20)
	other := sessionsFrom(t, s, second, 1)[0]

	granted := make(chan struct{}, len(hogs))
	var hogging sync.WaitGroup
	for _, r := range hogs {
		hogging.Go(func() {
			for {
				code, _, err := r.exchange("EPSV")
				if err != nil {
					return
				}
				if code != 229 {
					t.Errorf("a session that waits its turn is told %d", code)
					return
				}
				select {
				case granted <- struct{}{}:
				default:
				}
			}
		})
	}
	<-granted // the port is leased, and nobody comes
	for range 50 {
		start := time.Now()
		if text := other.list(); text == "" {
			t.Error("the listing is empty")
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("a listing of the other address takes %v", took)
		}
	}
	for _, r := range hogs {
		_ = r.conn.Close()
	}
	hogging.Wait()
}

// A plain data connection needs its port only until it is there, so a few ports
// serve many clients of one address, however long their transfers last.
func TestFewPortsServeManySlowClientsOfOneAddress(t *testing.T) {
	t.Parallel()
	const clients, transfers, lasting = 40, 3, 200 * time.Millisecond
	s := newSite(t)
	s.narrow(4)
	s.start()
	sessions := sessionsFrom(t, s, netip.MustParseAddr("127.0.0.1"), clients)
	var all sync.WaitGroup
	for i, r := range sessions {
		all.Go(func() {
			for n := range transfers {
				name := fmt.Sprintf("/slow-%d-%d", i, n)
				if err := slowUpload(r, name, lasting); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				if got, err := os.ReadFile(filepath.Join(s.home, name)); err != nil || string(got) != name+name {
					t.Errorf("%s holds %q (%v)", name, got, err)
				}
			}
		})
	}
	all.Wait()
}

// slowUpload sends the file's name twice, with a pause between.
func slowUpload(r *raw, name string, lasting time.Duration) error {
	code, text, err := r.exchange("PASV")
	if err != nil || code != 227 {
		return fmt.Errorf("PASV: %d %s (%w)", code, text, err)
	}
	named := passivePorts("227 " + text)
	if len(named) != 1 {
		return fmt.Errorf("227 %s names no port", text)
	}
	conn, err := rawDialer(r.local).Dial("tcp", fmt.Sprintf("127.0.0.1:%d", named[0]))
	if err != nil {
		return err
	}
	defer conn.Close()
	if code, text, err := r.exchange("STOR %s", name); err != nil || code != 150 {
		return fmt.Errorf("STOR: %d %s (%w)", code, text, err)
	}
	_, first := io.WriteString(conn, name)
	<-time.After(lasting)
	_, second := io.WriteString(conn, name)
	if err := errors.Join(first, second, conn.Close()); err != nil {
		return err
	}
	if code, text, err := r.reply(); err != nil || code != 226 {
		return fmt.Errorf("after the data: %d %s (%w)", code, text, err)
	}
	return nil
}

// A thousand connections of a stranger to a leased port leave it to its client.
func TestFloodOfWrongPeersLeavesThePortToItsClient(t *testing.T) {
	t.Parallel()
	secondClient(t)
	stranger := netip.MustParseAddr("127.0.0.3")
	s := newSite(t)
	s.narrow(1)
	p := s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	address := r.epsv()
	for range 1000 {
		conn, err := rawDialer(stranger).DialContext(t.Context(), "tcp", address)
		if errors.Is(err, syscall.ECONNRESET) {
			continue // closed before this side has noticed that it is open
		}
		if err != nil {
			t.Fatal(err)
		}
		said, err := closed(conn, rawTimeout)
		if err != nil || said != "" {
			t.Fatalf("the wrong peer is told %q and: %v", said, err)
		}
		_ = conn.Close()
	}
	conn := r.data(address)
	r.send("NLST")
	r.expect(150)
	if text, err := io.ReadAll(conn); err != nil || len(text) == 0 {
		t.Errorf("the rightful client gets %q, %v", text, err)
	}
	r.expect(226)
	if n := strings.Count(p.log.String(), "data connection refused"); n == 0 || n > 100 {
		t.Errorf("the log tells %d times of a thousand refused connections, want now and then", n)
	}
}

// An IPv6 client has no use for PASV, and is told what to use.
func TestPASVOverIPv6NamesEPSV(t *testing.T) {
	t.Parallel()
	if !suite.ipv6 {
		t.Skip("this machine has no ::1")
	}
	s := newSite(t)
	s.start()
	r := dialRawFrom(t, net.JoinHostPort("::1", fmt.Sprint(s.control)), netip.IPv6Loopback())
	r.login()
	r.send("PASV")
	if text := r.expect(425); !strings.Contains(text, "EPSV") {
		t.Errorf("425 %s does not name EPSV", text)
	}
	r.send("EPSV 1")
	if text := r.expect(522); !strings.Contains(text, "(2)") { // RFC 2428 §3
		t.Errorf("522 %s does not name the family to use", text)
	}
	r.list()
}

// After EPSV ALL nothing else opens a data connection (RFC 2428 §4), so that a
// NAT on the way may stop looking.
func TestEPSVALLRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	r.send("EPSV ALL")
	r.expect(200)
	for _, command := range []string{"PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|51201|"} {
		if code, text, err := r.exchange("%s", command); err != nil || code/100 != 5 {
			t.Errorf("%s after EPSV ALL: %d %s (%v), want 5xx", command, code, text, err)
		}
	}
	if text := r.list(); text == "" { // by EPSV
		t.Error("the listing is empty")
	}
}
