package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
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

// authority signs certificates of servers and clients.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	own := a.certificate("authority", true)
	a.cert, a.key = own.Leaf, own.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

func (a *authority) certificate(name string, isCA bool) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: isCA, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// namedUser lets in one name with one password, and by certificate whoever the
// certificate names.
type namedUser struct {
	name string
	fs   afero.Fs
}

func (u namedUser) Authenticate(_ context.Context, a driver.Attempt) (*driver.Account, error) {
	if a.User != u.name {
		return nil, driver.ErrDenied
	}
	if a.ByCertificate && a.TLS.VerifiedChains[0][0].Subject.CommonName != u.name || !a.ByCertificate && a.Password != testPassword {
		return nil, driver.ErrDenied
	}
	return &driver.Account{Name: u.name, FS: u.fs}, nil
}

func TestVirtualHosts(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	fs := afero.NewMemMapFs()
	config := func(name string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ca.certificate(name, false)}}
	}
	s := startSite(t, func(o *server.Options) {
		o.TLS = config("default.example")
		o.Hosts = []server.VirtualHost{
			{Name: "one.example", Auth: namedUser{"one", fs}, TLS: config("one.example"), Banner: "Welcome to one\nof several lines"},
			{Name: "Two.example", Auth: namedUser{"two", fs}, TLS: config("two.example")},
			{Name: "three.example"},
		}
	})
	subject := func(state tls.ConnectionState) string { return state.PeerCertificates[0].Subject.CommonName }
	try := func(c *client, user string, code int) {
		t.Helper()
		c.cmd(331, "USER %s", user)
		c.cmd(code, "PASS "+testPassword)
	}

	c := greeted(t, s)
	if got := c.cmd(220, "HOST ONE.example."); got != "220-Welcome to one\r\n220 of several lines" {
		t.Errorf("HOST: %q", got)
	}
	if got := c.cmd(211, "FEAT"); !strings.Contains(got, "\r\n HOST\r\n") {
		t.Errorf("FEAT: %q", got)
	}
	try(c, "one", 230)
	c.cmd(503, "HOST two.example")
	c.cmd(220, "REIN") // back to no host
	try(c, "alice", 230)

	c = greeted(t, s)
	c.cmd(220, "HOST three.example") // has the users of all
	try(c, "alice", 230)

	c = greeted(t, s)
	c.cmd(220, "HOST two.example")
	if got := subject(c.encrypt(&tls.Config{})); got != "two.example" {
		t.Errorf("certificate of %s after HOST two.example", got)
	}
	c.cmd(504, "HOST one.example") // TLS has settled it
	try(c, "one", 530)
	try(c, "two", 230)

	c = greeted(t, s)
	if got := subject(c.encrypt(&tls.Config{ServerName: "one.example"})); got != "one.example" {
		t.Errorf("certificate of %s for the name one.example", got)
	}
	c.cmd(220, "HOST one.example")
	try(c, "one", 230)

	// Where HOST and the name in the handshake differ, the users are those of
	// the host whose certificate was shown.
	c = greeted(t, s)
	c.cmd(220, "HOST two.example")
	shown := subject(c.encrypt(&tls.Config{ServerName: "one.example"}))
	try(c, strings.TrimSuffix(shown, ".example"), 230)

	if got := subject(greeted(t, s).encrypt(&tls.Config{ServerName: "unknown.example"})); got != "default.example" {
		t.Errorf("certificate of %s for an unknown name", got)
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	site := func(mode tls.ClientAuthType) *site {
		return startSite(t, func(o *server.Options) {
			o.TLS = &tls.Config{Certificates: []tls.Certificate{ca.certificate("ftp.example", false)}, ClientCAs: ca.pool(), ClientAuth: mode}
			o.Auth = namedUser{"alice", afero.NewMemMapFs()}
		})
	}
	with := func(a *authority, name string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{a.certificate(name, false)}}
	}
	optional, required := site(tls.VerifyClientCertIfGiven), site(tls.RequireAndVerifyClientCert)

	c := greeted(t, optional)
	c.encrypt(with(ca, "alice"))
	c.cmd(232, "USER alice") // and no password
	c.cmd(257, "PWD")
	c.cmd(200, "PBSZ 0")
	c.cmd(200, "PROT P")
	data := tls.Client(c.passive(), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{ca.certificate("alice", false)}})
	c.cmd(150, "STOR file")
	io.WriteString(data, "content")
	data.Close()
	c.expect(226)
	c.cmd(331, "USER bob") // not the certificate's; the login is over
	c.cmd(530, "PWD")

	c = greeted(t, optional)
	c.encrypt(with(ca, "mallory"))
	c.logIn() // by password

	c = greeted(t, optional)
	c.encrypt(&tls.Config{})
	c.logIn()

	c = greeted(t, required)
	c.encrypt(with(ca, "alice"))
	c.cmd(232, "USER alice")

	for name, config := range map[string]*tls.Config{"no certificate": {}, "a stranger's": with(stranger, "alice")} {
		c := greeted(t, required)
		c.cmd(234, "AUTH TLS")
		config.InsecureSkipVerify = true
		conn := tls.Client(c.conn, config)
		conn.SetDeadline(time.Now().Add(within))
		err := conn.Handshake()
		if err == nil { // TLS 1.3: the refusal comes behind the handshake
			_, err = conn.Read(make([]byte, 1))
		}
		if err == nil {
			t.Errorf("%s: let in", name)
		}
	}
}

func TestRefusedCommands(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Auth = refusingUser{} })
	c := greeted(t, s)
	c.cmd(200, "OPTS UTF8 ON") // refused after login only
	c.logIn()
	for _, cmd := range []string{"DELE x", "MKD x", "XMKD x", "OPTS UTF8 ON", "MFMT 20200101000000 x"} {
		c.cmd(550, "%s", cmd)
	}
	if got := c.cmd(211, "FEAT"); strings.Contains(got, "MFMT") || !strings.Contains(got, "MFF") {
		t.Errorf("FEAT names what is refused: %q", got)
	}
	c.cmd(331, "USER alice")
}

type refusingUser struct{}

func (refusingUser) Authenticate(context.Context, driver.Attempt) (*driver.Account, error) {
	return &driver.Account{Name: "alice", FS: afero.NewMemMapFs(), RefusedCommands: []string{"DELE", "MKD", "OPTS", "MFMT"}}, nil
}

// A login that begins anew has its time anew, however old the session is.
func TestLoginTimeoutStartsAnew(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Limits.LoginTimeout = 300 * time.Millisecond })
	c := login(t, s.addr)
	for start := time.Now(); time.Since(start) < 400*time.Millisecond; {
		c.cmd(200, "NOOP")
	}
	c.cmd(220, "REIN")
	c.logIn()
	c.cmd(331, "USER alice")
	c.cmd(230, "PASS "+testPassword)
	c.cmd(220, "REIN")
	c.expect(421)
	c.expectEnd()
}

func TestFailedLoginsAreSlow(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := greeted(t, s)
	for i, test := range []struct {
		user  string
		code  int
		delay time.Duration
	}{{"alice", 530, 500 * time.Millisecond}, {"nobody", 530, time.Second}, {"alice", 421, 2 * time.Second}} {
		c.cmd(331, "USER %s", test.user)
		start := time.Now()
		reply := c.cmd(test.code, "PASS wrong")
		if took := time.Since(start); took < test.delay || took > test.delay+time.Second {
			t.Errorf("attempt %d took %v, want %v", i+1, took, test.delay)
		}
		if test.code == 530 && reply != "530 Login incorrect." {
			t.Errorf("attempt %d: %q", i+1, reply)
		}
	}
	c.expectEnd()
}
