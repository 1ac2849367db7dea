package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

func TestLoadHostTLS(t *testing.T) {
	t.Parallel()
	serverCertificate, serverKey := writePair(t)
	certificate, key := writePair(t)
	authority := config.Path(newClient(t, "x").authority)
	tests := map[string]struct {
		serverCA    config.Path
		policy      string
		host        config.Host
		wantOwn     bool // certificate
		wantClients tls.ClientAuthType
		wantNil     bool
	}{
		"nothing of its own":                  {host: config.Host{Banner: "hello"}, wantNil: true},
		"a certificate":                       {host: config.Host{Certificate: certificate, Key: key}, wantOwn: true},
		"a certificate, with the server's CA": {serverCA: authority, host: config.Host{Certificate: certificate, Key: key}, wantOwn: true, wantClients: tls.RequireAndVerifyClientCert},
		"a CA":                                {host: config.Host{ClientCA: authority}, wantClients: tls.RequireAndVerifyClientCert},
		"a CA that is optional":               {policy: "optional", host: config.Host{ClientCA: authority}, wantClients: tls.VerifyClientCertIfGiven},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.TLS.Certificate, cfg.TLS.Key, cfg.TLS.ClientCA = serverCertificate, serverKey, test.serverCA
			if test.policy != "" {
				cfg.TLS.ClientCertificates = test.policy
			}
			cfg.Hosts = []config.Host{test.host}
			ofServer, err := loadTLS(cfg)
			if err != nil {
				t.Fatal(err)
			}
			got, err := loadHostTLS(cfg, 0, ofServer)
			if err != nil || (got == nil) != test.wantNil {
				t.Fatalf("got %v, %v", got, err)
			}
			if got == nil {
				return
			}
			if own := !bytes.Equal(leaf(got).Raw, leaf(ofServer).Raw); own != test.wantOwn {
				t.Errorf("a certificate of its own: %v, want %v", own, test.wantOwn)
			}
			if got.ClientAuth != test.wantClients || (got.ClientCAs != nil) != (test.wantClients != tls.NoClientCert) {
				t.Errorf("client certificates are %v by %v, want %v", got.ClientAuth, got.ClientCAs, test.wantClients)
			}
			if got.MinVersion != ofServer.MinVersion {
				t.Errorf("version %x, want the server's", got.MinVersion)
			}
		})
	}
}

func TestFaultsOfHosts(t *testing.T) {
	t.Parallel()
	cfg := valid(t)
	cfg.TLS.SelfSigned = true
	cfg.Hosts = []config.Host{
		{Name: "a.example", Certificate: "no.pem", Key: "no.pem", ClientCA: "no.pem"},
		{Name: "b.example", Users: []config.User{{Name: "bob", Password: "plain", Account: config.Account{Home: "missing"}}}},
	}
	s := &setup{config: cfg}
	usersErr := s.addUsers(&serveFlags{})
	_, tlsErr := loadHostTLS(cfg, 0, nil)
	for _, want := range []string{
		"hosts[1].users[0].password: not a password hash", "hosts[1].users[0].home: there is no directory",
		"hosts[0].certificate: open no.pem", "hosts[0].key: open no.pem", "hosts[0].client_ca: open no.pem",
	} {
		if text := fmt.Sprint(usersErr, tlsErr); !strings.Contains(text, want) {
			t.Errorf("got %s, want it to say %q", text, want)
		}
	}
}

func TestServerHosts(t *testing.T) {
	t.Parallel()
	cfg := valid(t)
	cfg.TLS.SelfSigned = true
	certificate, key := writePair(t)
	cfg.Hosts = []config.Host{
		{Name: "plain.example", Banner: "Plain"},
		{Name: "own.example", Certificate: certificate, Key: key, Users: cfg.Users},
		{Name: "trusting.example", ClientCA: certificate},
	}
	s := &setup{config: cfg}
	if err := s.addUsers(&serveFlags{readOnly: true}); err != nil {
		t.Fatal(err)
	}
	if s.userCount() != 2 || s.usersOptions().Allow != driver.ReadOnly {
		t.Errorf("%d users, who may %v; want two, read-only", s.userCount(), s.usersOptions().Allow)
	}
	var err error
	if s.tls, err = loadTLS(cfg); err != nil {
		t.Fatal(err)
	}
	if err := s.addHostTLS(); err != nil {
		t.Fatal(err)
	}
	ofServer := s.followServer(zaptest.NewLogger(t))
	hosts, err := s.serverHosts(&accounts{}, ofServer, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	plain, own, trusting := hosts[0], hosts[1], hosts[2]
	if plain.Name != "plain.example" || plain.Banner != "Plain" || plain.Auth != nil || plain.TLS != nil {
		t.Errorf("got %+v, want a name and a banner alone", plain)
	}
	if own.Auth == nil || own.TLS.GetCertificate == nil || len(own.TLS.Certificates) != 0 {
		t.Errorf("got %+v, want users and a certificate that follows its files", own)
	}
	if trusting.Auth != nil || trusting.TLS.ClientCAs == nil || !bytes.Equal(trusting.TLS.Certificates[0].Leaf.Raw, leaf(ofServer).Raw) {
		t.Errorf("got %+v, want authorities and the server's certificate", trusting)
	}
}

// TestServeHosts logs in by certificate at a host that has everything of its
// own, and looks at what the command log says about it.
func TestServeHosts(t *testing.T) {
	t.Parallel()
	certificate, key := writePair(t)
	ofServer, ofServerKey := writePair(t)
	client := newClient(t, "bob@example.org")
	file := writeFile(t, "portico.yaml", `
tls: {certificate: `+string(ofServer)+`, key: `+string(ofServerKey)+`, client_certificates: optional}
log: {commands: commands.log}
hosts:
  - name: own.example
    certificate: `+string(certificate)+`
    key: `+string(key)+`
    client_ca: `+client.authority+`
    banner: Welcome to own.example
    users:
      - {name: bob, password: "`+hashOf(t, "secret")+`", home: `+t.TempDir()+`, certificate: bob@example.org, refused_commands: [SYST]}
`)
	r := start(t, nil, t.TempDir(), "--user", "alice:secret", "--config", file)

	stranger := r.dialTLS(t, &tls.Config{ServerName: "other.example"})
	stranger.wantCertificate(t, ofServer)
	stranger.wantReply(t, "USER bob", 331)

	bob := r.dialTLS(t, &tls.Config{ServerName: "own.example", Certificates: []tls.Certificate{client.pair}})
	bob.wantCertificate(t, certificate)
	bob.wantReply(t, "USER bob", 232)
	bob.wantReply(t, "SYST", 550)
	bob.wantReply(t, "NOOP", 200)
	bob.wantReply(t, "QUIT", 221)

	clear := r.dial(t)
	if banner := clear.wantReply(t, "HOST OWN.example", 220); banner != "Welcome to own.example" {
		t.Errorf("the banner is %q", banner)
	}
	clear.wantReply(t, "USER bob", 331)
	clear.wantReply(t, "PASS secret", 230)

	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	var found []string
	for _, line := range readCommandLog(t, strings.Replace(file, "portico.yaml", "commands.log", 1)) {
		found = append(found, fmt.Sprint(line.User, " ", line.Verb, " ", line.Argument, " ", line.Code))
	}
	all := strings.Join(found, "\n")
	if strings.Contains(all, "secret") {
		t.Errorf("the command log has the password:\n%s", all)
	}
	for _, want := range []string{"bob USER bob 232", "bob SYST  550", "bob NOOP  200", " USER bob 331"} {
		if !strings.Contains(all+"\n", want+"\n") {
			t.Errorf("the command log lacks %q:\n%s", want, all)
		}
	}
}

// TestServeReadsTheCertificateAgain replaces the files of a server that runs.
func TestServeReadsTheCertificateAgain(t *testing.T) {
	t.Parallel()
	certificate, key := writePair(t)
	r := start(t, []string{"PORTICO_TLS_CERTIFICATE=" + string(certificate), "PORTICO_TLS_KEY=" + string(key)}, t.TempDir())
	renewed, renewedKey := writePair(t)
	text := readPEMFile(t, renewed)
	rename(t, string(renewed), string(certificate))
	rename(t, string(renewedKey), string(key))
	r.dialTLS(t, &tls.Config{}).wantRaw(t, text)
	if !strings.Contains(r.stderr.String(), "certificate reloaded") {
		t.Errorf("the log does not tell:\n%s", r.stderr)
	}
}

func readPEMFile(t *testing.T, file config.Path) []byte {
	t.Helper()
	text, err := os.ReadFile(string(file))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is no PEM file", file)
	}
	return block.Bytes
}

// client is a client certificate and the file with the authority behind it,
// which is the certificate itself.
type client struct {
	pair      tls.Certificate
	authority string
}

func newClient(t *testing.T, email string) client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "client"},
		EmailAddresses:        []string{email},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return client{
		pair:      tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		authority: writeFile(t, "clients.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
	}
}
