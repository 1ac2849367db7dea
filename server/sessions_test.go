package server_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/server"
)

// the is the only session that a server has.
func the(t testing.TB, s *site) server.SessionInfo {
	t.Helper()
	sessions := s.Sessions()
	if len(sessions) != 1 {
		t.Fatalf("got %d sessions, want 1", len(sessions))
	}
	return sessions[0]
}

func TestSessionsBeforeAndAfterLogin(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	if sessions := s.Sessions(); len(sessions) != 0 {
		t.Fatalf("got %v, want no sessions", sessions)
	}
	before := time.Now()
	c := dial(t, s.addr)
	c.expect(220)
	got := the(t, s)
	if got.ID != 1 || got.LoggedIn || got.User != "" || got.TLSVersion != "" || got.Transfer != nil {
		t.Errorf("before USER: got %+v", got)
	}
	if got.Client.String() != c.conn.LocalAddr().String() || got.Local.String() != s.addr {
		t.Errorf("got the ends %v and %v, want %v and %v", got.Client, got.Local, c.conn.LocalAddr(), s.addr)
	}
	if got.Since.Before(before) || got.Since.After(time.Now()) {
		t.Errorf("since %v, want a moment ago", got.Since)
	}
	c.cmd(331, "USER alice")
	eventually(t, func() bool { got := the(t, s); return got.User == "alice" && !got.LoggedIn })
	c.cmd(230, "PASS "+testPassword)
	eventually(t, func() bool {
		got := the(t, s)
		return got.User == "alice" && got.LoggedIn && !got.IdleSince.IsZero() && got.Command == ""
	})
	if stats := s.Statistics(); stats.LoggedIn != 1 || stats.Sessions != 1 || stats.Accepted != 1 {
		t.Errorf("got %+v, want one session that has logged in", stats)
	}
	c.cmd(220, "REIN")
	eventually(t, func() bool { got := the(t, s); return got.User == "" && !got.LoggedIn })
}

func TestSessionsTellTLS(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.TLS = testCertificate(t) })
	c := dial(t, s.addr)
	c.expect(220)
	c.encrypt(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	c.logIn()
	c.cmd(200, "PBSZ 0")
	c.cmd(200, "PROT P")
	c.cmd(200, "NOOP")
	eventually(t, func() bool { return the(t, s).ProtectedData })
	if got := the(t, s); got.TLSVersion != "1.2" || got.TLSCipher == "" {
		t.Errorf("got TLS %q with %q, want 1.2", got.TLSVersion, got.TLSCipher)
	}
	want := server.TLSHandshakes{TLS12: 1}
	if got := s.Statistics().Handshakes[server.ChannelControl]; got != want {
		t.Errorf("got %+v handshakes, want %+v", got, want)
	}
}

func TestSessionsTellTransfers(t *testing.T) {
	t.Parallel()
	events := make(chan server.TransferEvent, 10)
	s := startSite(t, func(o *server.Options) { o.OnTransfer = func(e server.TransferEvent) { events <- e } })
	content := bytes.Repeat([]byte("x"), 5000)
	if err := afero.WriteFile(s.fs, "/down", content, 0o600); err != nil {
		t.Fatal(err)
	}
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	c.cmd(202, "ALLO 9000")
	data := c.passive()
	c.cmd(150, "STOR /up")
	data.Write(content)
	eventually(t, func() bool {
		got := the(t, s)
		return got.Transfer != nil && got.Transfer.Bytes == int64(len(content))
	})
	got := the(t, s)
	transfer := *got.Transfer
	if got.Command != "STOR" || !got.IdleSince.IsZero() || transfer.Verb != "STOR" || transfer.Path != "/up" ||
		transfer.Direction != server.DirectionUpload || transfer.Size != 9000 || transfer.Mode != "passive" || transfer.TLS ||
		transfer.Peer.String() != data.LocalAddr().String() || transfer.Port != addrPort(t, data.RemoteAddr().String()).Port() {
		t.Errorf("got %+v with %+v", got, transfer)
	}
	if stats := s.Statistics(); stats.Transfers != 1 || stats.Bytes[server.DirectionUpload] != 5000 {
		t.Errorf("got %+v, want one transfer and 5000 bytes", stats)
	}
	data.Close()
	c.expect(226)

	c.cmd(350, "REST 1000")
	data = c.passive()
	c.cmd(150, "RETR /down")
	if _, err := io.Copy(io.Discard, data); err != nil {
		t.Fatal(err)
	}
	c.expect(226)
	c.retrieve("MLSD")
	for _, want := range []server.TransferEvent{
		{Verb: "STOR", Path: "/up", Direction: server.DirectionUpload, Bytes: 5000, Code: 226, Mode: "passive", User: "alice", SessionID: 1},
		{Verb: "RETR", Path: "/down", Direction: server.DirectionDownload, Bytes: 4000, Offset: 1000, Code: 226, Mode: "passive", User: "alice", SessionID: 1},
		{Verb: "MLSD", Path: "/", Direction: server.DirectionListing, Code: 226, Mode: "passive", User: "alice", SessionID: 1},
	} {
		got := <-events
		if got.Duration <= 0 || got.Time.IsZero() || got.Port == 0 || !got.Client.IsValid() {
			t.Errorf("got %+v without a time, a port or a client", got)
		}
		if want.Direction == server.DirectionListing && got.Bytes == 0 {
			t.Error("a listing of two files has no bytes")
		}
		want.Time, want.Duration, want.Port, want.Client = got.Time, got.Duration, got.Port, got.Client
		if want.Bytes == 0 {
			want.Bytes = got.Bytes
		}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	stats := s.Statistics()
	if stats.Bytes[server.DirectionUpload] != 5000 || stats.Bytes[server.DirectionDownload] != 4000 || stats.Bytes[server.DirectionListing] == 0 {
		t.Errorf("got the bytes %v", stats.Bytes)
	}
}

func TestTransferEventOfAbortAndFailure(t *testing.T) {
	t.Parallel()
	events := make(chan server.TransferEvent, 10)
	s := startSite(t, func(o *server.Options) { o.OnTransfer = func(e server.TransferEvent) { events <- e } })
	c := login(t, s.addr)
	data := c.passive()
	c.cmd(150, "STOR /a")
	data.Write([]byte("half"))
	eventually(t, func() bool { got := the(t, s); return got.Transfer != nil && got.Transfer.Bytes == 4 })
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	if e := <-events; !e.Aborted || e.Code != 426 || e.Bytes != 4 {
		t.Errorf("got %+v, want an aborted one", e)
	}
	c.passive()
	c.cmd(550, "RETR /nowhere")
	if e := <-events; e.Aborted || e.Code != 550 || e.Bytes != 0 || e.Mode != "" {
		t.Errorf("got %+v, want a failed one without a data connection", e)
	}
}

func TestKick(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	data := c.passive()
	c.cmd(150, "STOR /a")
	other := login(t, s.addr)
	if err := s.Kick(1); err != nil {
		t.Fatal(err)
	}
	c.conn.SetReadDeadline(time.Now().Add(within))
	if _, err := io.Copy(io.Discard, c.conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the control connection goes on")
	}
	data.SetReadDeadline(time.Now().Add(within))
	if n, _ := data.Read(make([]byte, 1)); n != 0 {
		t.Error("the data connection goes on")
	}
	if err := s.Kick(1); !errors.Is(err, server.ErrNoSession) {
		t.Errorf("got %v for one that has just ended, want ErrNoSession", err)
	}
	for _, id := range []uint64{0, 3, 1 << 63} {
		if err := s.Kick(id); !errors.Is(err, server.ErrNoSession) {
			t.Errorf("got %v for session %d, want ErrNoSession", err, id)
		}
	}
	if _, err := s.Session(1); !errors.Is(err, server.ErrNoSession) {
		t.Errorf("got %v, want ErrNoSession", err)
	}
	if got, err := s.Session(2); err != nil || got.ID != 2 {
		t.Errorf("got %+v and %v, want session 2", got, err)
	}
	other.cmd(200, "NOOP")
	eventually(t, func() bool { return len(s.Sessions()) == 1 })
}

// Sessions come, work and go while others look at them.
func TestSessionsWhileTheyWork(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.TLS = testCertificate(t) })
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for last := uint64(0); ; {
			for _, session := range s.Sessions() {
				if session.ID == 0 || session.Since.IsZero() || !session.Client.IsValid() {
					t.Errorf("got %+v", session)
				}
			}
			if sent := s.Statistics().Bytes[server.DirectionUpload]; sent < last {
				t.Errorf("the number of bytes has gone from %d to %d", last, sent)
			} else {
				last = sent
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for range 5 {
		c := dial(t, s.addr)
		c.expect(220)
		c.encrypt(&tls.Config{InsecureSkipVerify: true})
		c.logIn()
		c.store("/f", bytes.Repeat([]byte("y"), 1<<16))
		c.cmd(221, "QUIT")
	}
	close(done)
	looking.Wait()
	if got := s.Statistics().Bytes[server.DirectionUpload]; got != 5<<16 {
		t.Errorf("got %d bytes, want %d", got, 5<<16)
	}
}

func addrPort(t testing.TB, text string) netip.AddrPort {
	t.Helper()
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
