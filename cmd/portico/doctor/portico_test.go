package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// alice lets one user in, to the files of fs.
type alice struct{ fs afero.Fs }

func (a alice) Authenticate(_ context.Context, attempt driver.Attempt) (*driver.Account, error) {
	if attempt.User != "alice" || attempt.Password != "correct horse" {
		return nil, driver.ErrDenied
	}
	return &driver.Account{Name: "alice", FS: a.fs}, nil
}

// startPortico serves on an address, with four passive ports.
func startPortico(t *testing.T, at string, implicit bool, change func(*server.Options)) (address string, files afero.Fs) {
	t.Helper()
	files = afero.NewMemMapFs()
	opts := server.Options{
		Auth: alice{files}, Ports: freeAllocator(t, 4), Active: server.Active{SourcePort: server.SourcePortEphemeral},
		Listeners: []server.Listener{{Address: at, ImplicitTLS: implicit}},
	}
	if change != nil {
		change(&opts)
	}
	srv, err := server.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen(); err != nil {
		t.Skipf("cannot listen on %s: %v", at, err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.ListenAndServe() }()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	return srv.Addrs()[0].String(), files
}

func freeAllocator(t *testing.T, n int) *portalloc.Allocator {
	t.Helper()
	var err error
	for range 100 {
		var a *portalloc.Allocator
		if a, err = portalloc.New(portalloc.Options{Ports: freePorts(t, n)}); err == nil {
			t.Cleanup(func() { a.Close() })
			return a
		}
	}
	t.Fatalf("no free ports found: %v", err)
	return nil
}

// freePorts are n ports that nothing held a moment ago.
func freePorts(t *testing.T, n int) (list portalloc.PortList) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // together at the end, so that all are different
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		list = append(list, portalloc.PortRange{First: port, Last: port})
	}
	return list
}

// certificate is self-signed, for the names and until the time.
func certificate(t *testing.T, until time.Time, names ...string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

var _ server.Authenticator = alice{}

// patient is the step time-out against servers that answer.
const patient = 10 * time.Second

func TestPorticoInClear(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			address, files := startPortico(t, at, false, nil)
			report := examined(t, Options{Target: targetAt(t, address), Timeout: patient})
			wantExit(t, report, ExitOK)
			wantCases(t, report, map[Case]Verdict{ServerActive: OK, ServerPassive: OK, ClientActive: OK, ClientPassive: OK})
			wantCheck(t, report, "large-transfer", Plain, OK, "2097152 bytes up")
			if left, err := afero.ReadDir(files, "/"); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestPorticoUnderTLS(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(24 * time.Hour)
	tests := map[string]struct {
		scheme   Scheme
		security Security
		change   func(*server.Options)
		config   *tls.Config
		fault    string // of the certificate
		reuse    string
	}{
		"explicit":        {SchemeFTPES, ExplicitTLS, nil, certificate(t, soon.Add(100*24*time.Hour), "127.0.0.1"), "nobody that this machine trusts", "may resume"},
		"implicit":        {SchemeFTPS, ImplicitTLS, nil, certificate(t, soon, "127.0.0.1"), "expires soon", "may resume"},
		"expired":         {SchemeFTPES, ExplicitTLS, nil, certificate(t, soon.Add(-48*time.Hour), "127.0.0.1"), "has expired", "may resume"},
		"another name":    {SchemeFTPES, ExplicitTLS, nil, certificate(t, soon, "ftp.example.org"), "does not name 127.0.0.1", "may resume"},
		"reuse required":  {SchemeFTPES, ExplicitTLS, func(o *server.Options) { o.SessionReuse = server.SessionReuseRequired }, certificate(t, soon), "does not name", "must resume"},
		"TLS 1.2":         {SchemeFTPES, ExplicitTLS, func(o *server.Options) { o.TLS.MaxVersion = tls.VersionTLS12 }, certificate(t, soon), "does not name", "may resume"},
		"only TLS logins": {SchemeFTP, ExplicitTLS, func(o *server.Options) { o.RequireTLS = server.TLSForData }, certificate(t, soon), "does not name", "may resume"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := startPortico(t, "127.0.0.1:0", test.scheme == SchemeFTPS, func(o *server.Options) {
				o.TLS = test.config
				if test.change != nil {
					test.change(o)
				}
			})
			target := targetAt(t, address)
			target.Scheme = test.scheme
			report := examined(t, Options{Target: target, Timeout: patient, Size: 256 << 10})
			wantExit(t, report, ExitFinding) // the certificate
			wantCheck(t, report, "tls", test.security, OK, "TLS 1.")
			wantCheck(t, report, "certificate", test.security, Warn, test.fault)
			wantCheck(t, report, "tls-reuse", test.security, OK, test.reuse)
			wantCheck(t, report, "large-transfer", test.security, OK, "the same")
			wantCases(t, report, map[Case]Verdict{ServerActive: OK, ServerPassive: OK, ClientActive: OK, ClientPassive: OK})
			if test.scheme == SchemeFTP {
				wantCheck(t, report, "login", Plain, Skipped, "TLS is required here")
			}
		})
	}
}

// In clear and under TLS, the two halves of one examination are compared.
func TestPorticoBothWays(t *testing.T) {
	t.Parallel()
	address, _ := startPortico(t, "127.0.0.1:0", false, func(o *server.Options) { o.TLS = certificate(t, time.Now().Add(time.Hour)) })
	report := examined(t, Options{Target: targetAt(t, address), Timeout: patient, ReadOnly: true})
	wantCheck(t, report, "rewriting", "", OK, "the same address")
	wantCheck(t, report, "epsv", Plain, OK, "came through")
	wantCheck(t, report, "epsv", ExplicitTLS, OK, "came through")
}

func TestPorticoRefusals(t *testing.T) {
	t.Parallel()
	t.Run("a wrong password", func(t *testing.T) {
		t.Parallel()
		address, _ := startPortico(t, "127.0.0.1:0", false, nil)
		target := targetAt(t, address)
		target.Password = "battery staple"
		report := examined(t, Options{Target: target, Timeout: patient})
		wantCheck(t, report, "login", Plain, Blocked, "530")
		wantExit(t, report, ExitLogin)
	})
	t.Run("no TLS for who asks for it", func(t *testing.T) {
		t.Parallel()
		address, _ := startPortico(t, "127.0.0.1:0", false, nil)
		target := targetAt(t, address)
		target.Scheme = SchemeFTPES
		report := examined(t, Options{Target: target, Timeout: patient})
		wantCheck(t, report, "tls", ExplicitTLS, Blocked, "AUTH TLS was answered 502")
		wantExit(t, report, ExitLogin)
	})
	t.Run("TLS from the start on a plain port", func(t *testing.T) {
		t.Parallel()
		address, _ := startPortico(t, "127.0.0.1:0", false, nil)
		target := targetAt(t, address)
		target.Scheme = SchemeFTPS
		report := examined(t, Options{Target: target, Timeout: patient})
		wantCheck(t, report, "tls", ImplicitTLS, Blocked, "the TLS handshake")
		wantExit(t, report, ExitLogin)
	})
	t.Run("active mode is off", func(t *testing.T) {
		t.Parallel()
		address, _ := startPortico(t, "127.0.0.1:0", false, func(o *server.Options) { o.Active.Disabled = true })
		report := examined(t, Options{Target: targetAt(t, address), Timeout: patient, ReadOnly: true})
		wantCases(t, report, map[Case]Verdict{ServerActive: Skipped, ServerPassive: OK, ClientActive: Skipped, ClientPassive: OK})
		wantExit(t, report, ExitOK)
	})
	t.Run("a directory that is not there", func(t *testing.T) {
		t.Parallel()
		address, _ := startPortico(t, "127.0.0.1:0", false, nil)
		target := targetAt(t, address)
		target.Directory = "/nowhere"
		c := wantCheck(t, examined(t, Options{Target: target, Timeout: patient}), "login", Plain, Blocked, "CWD")
		if !strings.Contains(c.Remedy, "directory") {
			t.Errorf("remedy %q", c.Remedy)
		}
	})
}
