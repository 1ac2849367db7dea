package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

// firewall is a Dial through which only some ports can be reached.
func firewall(failure error, open ...string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(open, port) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: failure}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func TestBlockedPassivePorts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		failure error
		detail  string
		server  Verdict
		client  Verdict
	}{
		"filtered":           {os.ErrDeadlineExceeded, "(filtered); which side blocks cannot be told from here", Blocked, Blocked},
		"refused":            {os.NewSyscallError("connect", syscall.ECONNREFUSED), "is refused", Blocked, Skipped},
		"rejected":           {os.NewSyscallError("connect", syscall.EHOSTUNREACH), "rejected on the way", Blocked, Blocked},
		"forbidden here":     {os.NewSyscallError("connect", syscall.EPERM), "this machine forbids", Skipped, Blocked},
		"no route from here": {os.NewSyscallError("connect", syscall.ENETUNREACH), "no route", Skipped, Blocked},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScripted(t, nil)
			report := examined(t, Options{Target: targetAt(t, s.address), Timeout: short, ReadOnly: true, Dial: firewall(test.failure, portOf(s.address))})
			wantCheck(t, report, "epsv", Plain, Blocked, test.detail)
			wantCheck(t, report, "passive-ports", Plain, Blocked, "4 ports that it gave were tried")
			wantCases(t, report, map[Case]Verdict{ServerPassive: test.server, ClientPassive: test.client, ServerActive: OK, ClientActive: OK})
			wantExit(t, report, ExitPassive)
		})
	}
}

func TestFilteredControlPort(t *testing.T) {
	t.Parallel()
	s := startScripted(t, nil)
	report := examined(t, Options{Target: targetAt(t, s.address), Timeout: short, Dial: firewall(os.ErrDeadlineExceeded)})
	wantCheck(t, report, "connect", Plain, Blocked, "(filtered)")
	wantExit(t, report, ExitControl)
}

// A Portico lists its range; each port of it is tried.
func TestListedRange(t *testing.T) {
	t.Parallel()
	var ports []string
	for range 5 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, portOf(l.Addr().String()))
	}
	var shut atomic.Bool
	s := startScripted(t, map[string]verb{"SITE": func(s *scriptedSession, arg string) bool {
		if arg != "PORTS" {
			return s.say("504 What?")
		}
		return s.say("211-Passive ports:", " "+strings.Join(ports, ","), "211 End")
	}})
	through := func(ctx context.Context, network, address string) (net.Conn, error) {
		if shut.Load() && slices.Contains(ports[3:], portOf(address)) {
			return nil, os.ErrDeadlineExceeded
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	opts := Options{Target: targetAt(t, s.address), Timeout: short, ReadOnly: true, Dial: through}
	wantExit(t, examined(t, opts), ExitOK)

	shut.Store(true)
	report := examined(t, opts)
	wantExit(t, report, ExitPassive)
	c := wantCheck(t, report, "passive-ports", Plain, Blocked, "filtered: ")
	if got := c.Ports["filtered"].Len(); got != 2 {
		t.Errorf("%d filtered ports, want 2", got)
	}
	if got := c.Ports["open"].Len(); got != 3 {
		t.Errorf("%d open ports, want 3", got)
	}
}

// A firewall that understands FTP opens the ports of replies, and no others.
func TestHelpingFirewall(t *testing.T) {
	t.Parallel()
	s := startScripted(t, map[string]verb{"SITE": says("211-Passive ports:", " 40000-40003", "211 End")})
	helped := func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(portOf(address), "4000") {
			return nil, os.ErrDeadlineExceeded
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	report := examined(t, Options{Target: targetAt(t, s.address), Timeout: short, ReadOnly: true, Dial: helped})
	wantCheck(t, report, "passive-ports", Plain, Warn, "understands FTP")
	wantExit(t, report, ExitFinding)
}

func TestLargeTransfer(t *testing.T) {
	t.Parallel()
	t.Run("comes back the same, and is deleted", func(t *testing.T) {
		t.Parallel()
		var kept atomic.Pointer[[]byte]
		var deleted atomic.Bool
		s := startScripted(t, map[string]verb{
			"STOR": takes(func(_ string, content []byte) { kept.Store(&content) }),
			"RETR": func(s *scriptedSession, arg string) bool { return sends(string(*kept.Load()))(s, arg) },
			"DELE": func(s *scriptedSession, _ string) bool { deleted.Store(true); return s.say("250 Gone") },
		})
		report := examined(t, Options{Target: targetAt(t, s.address), Timeout: patient})
		wantCheck(t, report, "large-transfer", Plain, OK, "the same")
		if !deleted.Load() {
			t.Error("the file was not deleted")
		}
	})
	t.Run("comes back changed", func(t *testing.T) {
		t.Parallel()
		s := startScripted(t, map[string]verb{
			"STOR": takes(func(string, []byte) {}), "RETR": sends("something else"), "DELE": says("550 It is not there"),
		})
		report := examined(t, Options{Target: targetAt(t, s.address), Timeout: patient})
		wantCheck(t, report, "large-transfer", Plain, Blocked, "other bytes came back")
		wantExit(t, report, ExitFinding)
	})
	t.Run("stalls on the way up", func(t *testing.T) {
		t.Parallel()
		s := startScripted(t, map[string]verb{"STOR": func(s *scriptedSession, _ string) bool {
			conn, err := s.data()
			if err != nil {
				return s.say("425 No data connection")
			}
			defer conn.Close()
			s.say("150 Send it")
			return hangs(s, "") // and the file stays in the buffers
		}})
		report := examined(t, Options{Target: targetAt(t, s.address), Timeout: short, Size: 64 << 20})
		c := wantCheck(t, report, "large-transfer", Plain, Blocked, "the upload failed: it stalled after")
		if !strings.Contains(c.Remedy, "MSS") {
			t.Errorf("remedy %q", c.Remedy)
		}
	})
	t.Run("is the largest file if nothing may be written", func(t *testing.T) {
		t.Parallel()
		asked := make(chan string, 1)
		s := startScripted(t, map[string]verb{
			"LIST": sends("-rw-r--r-- 1 ftp ftp 70000 Jan 01 00:00 a small one\r\n-rw-r--r-- 1 ftp ftp 90000 Jan 01 00:00 the largest\r\n"),
			"STOR": says("550 Read only"),
			"RETR": func(s *scriptedSession, arg string) bool {
				asked <- arg
				return sends(strings.Repeat("x", 90000))(s, arg)
			},
		})
		report := examined(t, Options{Target: targetAt(t, s.address), Timeout: patient})
		wantCheck(t, report, "large-transfer", Plain, OK, "90000 bytes down")
		if got := <-asked; got != "the largest" {
			t.Errorf("it asked for %q", got)
		}
	})
	t.Run("is deleted when the time is over", func(t *testing.T) {
		t.Parallel()
		deleted := make(chan string, 1)
		stored := ""
		s := startScripted(t, map[string]verb{
			"STOR": takes(func(name string, _ []byte) { stored = name }),
			"RETR": hangs,
			"DELE": func(s *scriptedSession, name string) bool { deleted <- name; return s.say("250 Gone") },
		})
		report := examined(t, Options{Target: targetAt(t, s.address), Timeout: patient, Deadline: 4 * time.Second})
		wantCheck(t, report, "large-transfer", Plain, Skipped, "time for the examination is over")
		wantExit(t, report, ExitFinding)
		if got := <-deleted; got != stored {
			t.Errorf("%q was deleted, not %q", got, stored)
		}
	})
	t.Run("cannot be deleted", func(t *testing.T) {
		t.Parallel()
		s := startScripted(t, map[string]verb{"STOR": takes(func(string, []byte) {}), "RETR": says("550 No"), "DELE": says("450 Busy")})
		report := examined(t, Options{Target: targetAt(t, s.address), Timeout: patient})
		wantCheck(t, report, "clean-up", Plain, Warn, "450 Busy")
	})
}

func TestLongPause(t *testing.T) {
	t.Parallel()
	const pause = short / 10
	tests := map[string]struct {
		changes  map[string]verb
		readOnly bool
		verdict  Verdict
		detail   string
	}{
		"survives":              {nil, true, OK, "without commands the control connection still works"},
		"is cut":                {map[string]verb{"NOOP": hangs}, true, Blocked, "is dead: timed out"},
		"ends by the server":    {map[string]verb{"NOOP": says("421 Idle")}, true, Skipped, "the server itself"},
		"survives a transfer":   {map[string]verb{"STOR": takes(func(string, []byte) {}), "DELE": says("250 Gone")}, false, OK, "after a transfer"},
		"is cut by a transfer":  {map[string]verb{"STOR": forgetful, "DELE": says("250 Gone")}, false, Blocked, "the control connection is dead"},
		"pauses without upload": {map[string]verb{"STOR": says("550 No")}, false, OK, "without commands"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScripted(t, test.changes)
			report := examined(t, Options{Target: targetAt(t, s.address), Timeout: short, Long: pause, ReadOnly: test.readOnly, Size: 1 << 10})
			wantCheck(t, report, "idle-control", Plain, test.verdict, test.detail)
		})
	}
}

// forgetful takes a file and never says that it has.
func forgetful(s *scriptedSession, _ string) bool {
	conn, err := s.data()
	if err != nil {
		return s.say("425 No data connection")
	}
	defer conn.Close()
	s.say("150 Send it")
	return hangs(s, "")
}

func TestAddressesInClearAndUnderTLS(t *testing.T) {
	t.Parallel()
	list, err := portalloc.ParsePorts("40000-40009")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		clear, secure endpoint
		verdict       Verdict
		detail        string
	}{
		"the same":            {at("192.0.2.1", 40001), at("192.0.2.1", 40002), OK, "the same"},
		"another address":     {at("198.51.100.1", 40001), at("10.0.0.1", 40002), Warn, "198.51.100.1 in clear and 10.0.0.1 under TLS"},
		"another port":        {at("192.0.2.1", 51000), at("192.0.2.1", 40002), Warn, "port 51000"},
		"both in other ports": {at("192.0.2.1", 51000), at("192.0.2.1", 51001), OK, "the same"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoctor(Options{})
			d.over = func() error { return nil }
			clear := &course{announced: test.clear.addr, passivePort: test.clear.port, listed: list}
			secure := &course{announced: test.secure.addr, passivePort: test.secure.port}
			d.compareAddresses([]*course{clear, secure})
			wantCheck(t, &d.report, "rewriting", "", test.verdict, test.detail)
		})
	}
}

var errUnexpected = errors.New("unexpected")

func TestReasonsHoldNoAddresses(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("dial 192.0.2.1: %w", os.NewSyscallError("connect", syscall.ECONNRESET))
	if got := reason(err); strings.Contains(got, "192.0.2.1") {
		t.Errorf("reason %q", got)
	}
	if got := reason(errUnexpected); got != "unexpected" {
		t.Errorf("reason %q", got)
	}
}
