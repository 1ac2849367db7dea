package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

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
