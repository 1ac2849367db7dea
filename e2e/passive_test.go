//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestOnePassivePortServesManySessionsInTurn(t *testing.T) {
	t.Parallel()
	need(t, "lftp")
	s := newSite(t)
	s.narrow(1)
	s.start()
	for range 20 {
		roundTripByLftp(t, s, "in turn.bin")
	}
}

func TestOnePassivePortServesManySessionsAtOnce(t *testing.T) {
	t.Parallel()
	need(t, "lftp")
	s := newSite(t)
	s.narrow(1)
	s.start()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { roundTripByLftp(t, s, fmt.Sprintf("at once %d.bin", i)) })
	}
	all.Wait()
}

// roundTripByLftp is one whole lftp session: upload, listing, download. It may
// run on any goroutine.
func roundTripByLftp(t *testing.T, s *site, name string) {
	dir, err := os.MkdirTemp(suite.dir, "lftp-")
	if err != nil {
		t.Error(err)
		return
	}
	defer os.RemoveAll(dir)
	file, err := writeSample(filepath.Join(dir, "sample.bin"), 100_000)
	if err != nil {
		t.Error(err)
		return
	}
	l := newLftp(t, s.endpoint(route{epsv, plain, "127.0.0.1"}, dir))
	back := filepath.Join(dir, "back.bin")
	if _, err := l.run("put %s -o %s; nlist; get %s -o %s", file.path, "/"+name, "/"+name, back); err != nil {
		t.Errorf("%s: %v\n%s", name, err, l.trace())
		return
	}
	file.check(t, name, back)
	named := passivePorts(l.trace())
	if len(named) < 3 {
		t.Errorf("%s: %d passive ports named for three transfers", name, len(named))
	}
	for _, p := range named {
		if !s.passive.contains(p) {
			t.Errorf("%s: the server named port %d, want %v", name, p, s.passive)
		}
	}
}

func TestWrongPeerDoesNotDisturbTheRightfulClient(t *testing.T) {
	t.Parallel()
	stranger := secondClient(t)
	s := newSite(t)
	s.narrow(1)
	s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	address := r.epsv()

	for range 3 {
		if said, err := toldTo(t, stranger, address); err != nil || said != "" {
			t.Errorf("the wrong peer is told %q and: %v", said, err)
		}
	}
	conn := r.data(address)
	r.send("NLST")
	r.expect(150)
	if text, err := io.ReadAll(conn); err != nil || len(text) == 0 {
		t.Errorf("the rightful client gets %q, %v", text, err)
	}
	r.expect(226)
}

// toldTo connects and returns what the other side says until it closes the
// connection, which it may do before this side has noticed that there is one.
func toldTo(t *testing.T, local netip.Addr, address string) (string, error) {
	t.Helper()
	conn, err := rawDialer(local).DialContext(t.Context(), "tcp", address)
	if errors.Is(err, syscall.ECONNRESET) {
		return "", nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return closed(conn, 10*time.Second)
}

func TestClientsOfDifferentAddressesShareAPort(t *testing.T) {
	t.Parallel()
	second := secondClient(t)
	s := newSite(t)
	s.narrow(1)
	s.start()
	clients := []*raw{
		dialRaw(t, s.controlAddress()),
		dialRawFrom(t, s.controlAddress(), second),
	}
	addresses := make([]string, len(clients))
	for i, r := range clients {
		r.login()
		addresses[i] = r.epsv() // both wait for their connection from here on
	}
	for i := len(clients) - 1; i >= 0; i-- { // the second one comes first
		r, name := clients[i], fmt.Sprintf("/from-client-%d.txt", i)
		conn := r.data(addresses[i])
		r.send("STOR %s", name)
		r.expect(150)
		if _, err := io.WriteString(conn, name); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		r.expect(226)
		if got, err := os.ReadFile(filepath.Join(s.home, name)); err != nil || string(got) != name {
			t.Errorf("%s holds %q (%v)", name, got, err)
		}
	}
}

// A session has one lease: asking again gives the last one back, whether it
// was asked for by EPSV, PASV or PORT.
func TestSessionNeverHoldsMoreThanOneLease(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.narrow(1)
	s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	for range 20 {
		r.epsv()
		r.send("PASV")
		r.expect(227)
	}
	r.list()

	r.epsv()
	r.send("EPRT |1|127.0.0.1|40000|")
	r.expect(200)
	other := dialRaw(t, s.controlAddress())
	other.login()
	other.list()
}

// A port that leaves the range would meet a closed firewall.
func TestExhaustedRangeIsRefusedNotLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.narrow(1)
	s.set("passive.wait", "100ms")
	s.start()
	holder, late := dialRaw(t, s.controlAddress()), dialRaw(t, s.controlAddress())
	holder.login()
	late.login()
	address := holder.epsv()
	late.send("EPSV")
	late.expect(425)

	conn := holder.data(address)
	holder.send("NLST")
	holder.expect(150)
	if _, err := io.ReadAll(conn); err != nil {
		t.Error(err)
	}
	holder.expect(226)
	late.list() // the session that was refused goes on
}

// A bounce attack (RFC 2577 §3) names somebody else in PORT or EPRT.
func TestActiveModeConnectsToTheClientAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	for _, command := range []string{"PORT 10,1,2,3,200,1", "EPRT |1|10.1.2.3|51201|", "PORT 127,0,0,1,0,25"} {
		r.send("%s", command)
		if code, text, err := r.reply(); err != nil || code/100 != 5 {
			t.Errorf("%s: %d %s (%v), want 5xx", command, code, text, err)
		}
	}
	if text := r.list(); text == "" {
		t.Error("the session's listing is empty after the refusals")
	}
}

// A passive client on ::1 is told a port that it can reach there.
func TestPassivePortsAnswerOverIPv6(t *testing.T) {
	t.Parallel()
	if !suite.ipv6 {
		t.Skip("this machine has no ::1")
	}
	s := newSite(t)
	s.narrow(1)
	s.start()
	r := dialRawFrom(t, fmt.Sprintf("[::1]:%d", s.control), netip.IPv6Loopback())
	r.login()
	r.send("PASV") // has no room for an IPv6 address, RFC 2428 §3
	if code, text, err := r.reply(); err != nil || code/100 != 5 && code != 425 {
		t.Errorf("PASV over IPv6: %d %s (%v)", code, text, err)
	}
	if text := r.list(); text == "" {
		t.Error("the listing over IPv6 is empty")
	}
}
