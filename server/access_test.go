package server_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/server"
)

// encrypt starts TLS on the control connection.
func (c *client) encrypt(config *tls.Config) tls.ConnectionState {
	c.t.Helper()
	config = config.Clone()
	config.InsecureSkipVerify = true
	c.cmd(234, "AUTH TLS")
	conn := tls.Client(c.conn, config)
	conn.SetDeadline(time.Now().Add(within))
	if err := conn.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.r = conn, bufio.NewReader(conn)
	return conn.ConnectionState()
}

// decrypt ends TLS as both sides have to, and goes on in clear.
func (c *client) decrypt(raw net.Conn) {
	c.t.Helper()
	conn := c.conn.(*tls.Conn)
	conn.SetReadDeadline(time.Now().Add(within))
	if n, err := c.r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		c.t.Fatalf("%d bytes and %v where TLS should end", n, err)
	}
	if err := conn.CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.r = raw, bufio.NewReader(raw)
}

func greeted(t *testing.T, s *site) *client {
	t.Helper()
	c := dial(t, s.addr)
	c.expect(220)
	return c
}

func TestREINStartsAnew(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.TLS = testCertificate(t) })
	afero.WriteFile(s.fs, "/dir/file", []byte("a\n"), 0o644)
	c := login(t, s.addr)
	for _, cmd := range []string{"TYPE I", "OPTS MLST Type;", "OPTS HASH MD5", "SITE UMASK 077", "EPSV ALL"} {
		c.cmd(200, "%s", cmd)
	}
	c.cmd(250, "CWD dir")
	c.cmd(350, "RNFR file")
	c.cmd(350, "REST 1")
	c.cmd(220, "REIN")
	c.cmd(530, "PWD")
	c.cmd(503, "PASS "+testPassword)
	c.logIn()
	if got := c.cmd(257, "PWD"); !strings.HasPrefix(got, `257 "/"`) {
		t.Errorf("PWD after REIN: %q", got)
	}
	c.cmd(503, "RNTO x")
	c.cmd(227, "PASV")
	if got := c.cmd(211, "STAT"); !strings.Contains(got, "TYPE A, STRU F") {
		t.Errorf("STAT after REIN: %q", got)
	}
	if got := c.cmd(211, "FEAT"); !strings.Contains(got, "Size*") || !strings.Contains(got, "SHA-256*") {
		t.Errorf("FEAT after REIN: %q", got)
	}
	if got := c.retrieve("RETR dir/file"); string(got) != "a\r\n" {
		t.Errorf("RETR after REIN: %q", got)
	}

	raw := c.conn
	c.encrypt(&tls.Config{})
	c.logIn()
	c.cmd(220, "REIN") // the reply is still encrypted
	c.decrypt(raw)
	c.cmd(530, "PWD")
	c.cmd(503, "PROT P")
	c.encrypt(&tls.Config{})
	c.logIn()
}

func TestCCC(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.TLS, o.AllowCCC = testCertificate(t), true })
	afero.WriteFile(s.fs, "/file", []byte("content"), 0o644)
	c := greeted(t, s)
	c.cmd(533, "CCC")
	raw := c.conn
	c.encrypt(&tls.Config{})
	c.cmd(534, "CCC") // before login
	c.logIn()
	c.cmd(200, "PBSZ 0")
	c.cmd(200, "PROT P")
	c.cmd(200, "CCC")
	c.decrypt(raw)
	c.cmd(200, "TYPE I")
	data := tls.Client(c.passive(), &tls.Config{InsecureSkipVerify: true}) // PROT stays
	c.cmd(150, "RETR file")
	if got, err := io.ReadAll(data); err != nil || string(got) != "content" {
		t.Errorf("RETR after CCC: %q and %v", got, err)
	}
	data.Close()
	c.expect(226)
	c.cmd(533, "CCC")
	c.encrypt(&tls.Config{}) // and back
	c.cmd(530, "PWD")
}

// oneWrite gathers writes until it is told to send them.
type oneWrite struct {
	net.Conn
	gather bool
	kept   []byte
}

func (w *oneWrite) Write(p []byte) (int, error) {
	if !w.gather {
		return w.Conn.Write(p)
	}
	w.kept = append(w.kept, p...)
	return len(p), nil
}

// The client may send its close_notify and the next commands in one packet.
func TestCCCWithCommandsBehindCloseNotify(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.TLS, o.AllowCCC = testCertificate(t), true })
	c := greeted(t, s)
	raw := &oneWrite{Conn: c.conn}
	c.conn = raw
	c.encrypt(&tls.Config{})
	c.logIn()
	c.cmd(200, "CCC")
	raw.gather = true
	c.decrypt(raw)
	io.WriteString(raw, "PWD\r\nNOOP\r\n")
	raw.gather = false
	raw.SetWriteDeadline(time.Now().Add(within)) // the end of TLS has set one in the past
	if _, err := raw.Write(raw.kept); err != nil {
		t.Fatal(err)
	}
	c.expect(257)
	c.expect(200)
}

// A client that wants no TLS any more but sends no close_notify is an attacker
// in the middle, for all that is known.
func TestCCCWithoutCloseNotifyEndsTheSession(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.TLS, o.AllowCCC = testCertificate(t), true })
	c := greeted(t, s)
	raw := c.conn
	c.encrypt(&tls.Config{})
	c.logIn()
	c.cmd(200, "CCC")
	io.WriteString(raw, "DELE everything\r\n")
	c.expectEnd()
}

// What is sent in clear behind AUTH, in one packet or while a transfer holds
// commands back, does not count under TLS (CVE-2011-0411).
func TestPlaintextBehindAUTHIsDropped(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.TLS = testCertificate(t) })
	t.Run("in one packet", func(t *testing.T) {
		t.Parallel()
		c := greeted(t, s)
		c.send("AUTH TLS\r\nUSER alice\r\nPASS %s", testPassword)
		c.expect(234)
		conn := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
		c.conn, c.r = conn, bufio.NewReader(conn)
		c.cmd(214, "HELP NOOP")
		c.cmd(530, "PWD")
	})
	t.Run("during a transfer", func(t *testing.T) {
		t.Parallel()
		c := greeted(t, s)
		data := startUpload(c)
		c.cmd(200, "NOOP")
		c.send("AUTH TLS\r\nUSER alice\r\nPASS %s\r\nHELP RETR", testPassword)
		data.Close()
		c.expect(226)
		c.expect(234)
		conn := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
		c.conn, c.r = conn, bufio.NewReader(conn)
		if got := c.cmd(214, "HELP NOOP"); !strings.Contains(got, "NOOP") {
			t.Errorf("a command sent in clear is answered under TLS: %q", got)
		}
		c.cmd(530, "PWD")
	})
}

func TestTLSRequired(t *testing.T) {
	t.Parallel()
	for _, requirement := range []server.TLSRequirement{server.TLSForLogin, server.TLSForData} {
		s := startSite(t, func(o *server.Options) { o.TLS, o.RequireTLS = testCertificate(t), requirement })
		c := greeted(t, s)
		c.cmd(530, "USER alice")
		c.cmd(503, "PASS "+testPassword)
		c.encrypt(&tls.Config{})
		c.logIn()
		c.cmd(229, "EPSV")
		if requirement == server.TLSForLogin {
			c.cmd(450, "LIST nothing") // in clear is fine
			continue
		}
		c.cmd(521, "LIST")
		c.cmd(200, "PBSZ 0")
		c.cmd(534, "PROT C")
		c.cmd(200, "PROT P")
		c.cmd(450, "LIST nothing")
	}
}

// An upload under TLS that ends without close_notify was cut.
func TestUploadWithoutCloseNotify(t *testing.T) {
	t.Parallel()
	heard := make(chan error, 1)
	s := startSite(t, func(o *server.Options) {
		o.TLS = testCertificate(t)
		o.Auth = oneUser{attentiveFs{afero.NewMemMapFs(), heard}}
	})
	c := greeted(t, s)
	c.protect(nil)
	c.logIn()
	raw := c.passive()
	data := tls.Client(raw, c.tls)
	c.cmd(150, "STOR cut")
	io.WriteString(data, "half of it")
	raw.Close()
	c.expect(426)
	select {
	case err := <-heard:
		if err == nil {
			t.Error("TransferError(nil)")
		}
	case <-time.After(within):
		t.Error("the driver has not heard of it")
	}

	raw = c.passive()
	data = tls.Client(raw, c.tls)
	c.cmd(150, "STOR whole")
	io.WriteString(data, "all of it")
	data.Close()
	c.expect(226)
	select {
	case err := <-heard:
		t.Errorf("a whole upload failed: %v", err)
	default:
	}
}

// attentiveFs tells of TransferError.
type attentiveFs struct {
	afero.Fs
	heard chan error
}

func (f attentiveFs) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	file, err := f.Fs.OpenFile(name, flag, perm)
	return attentiveFile{file, f.heard}, err
}

type attentiveFile struct {
	afero.File
	heard chan error
}

func (f attentiveFile) TransferError(err error) { f.heard <- err }
