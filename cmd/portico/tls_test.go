package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/config"
)

func TestSelfSignedNamesTheServer(t *testing.T) {
	t.Parallel()
	cfg := valid(t)
	cfg.TLS.SelfSigned = true
	cfg.Listeners = []config.Listener{{Address: "192.0.2.7:2121"}, {Address: "[2001:db8::7]:2121"}, {Address: ":2122"}}
	cfg.Passive.PublicAddress = config.AddressRules{{Address: "local"}, {Address: "ftp.example.org"}}
	settings, err := loadTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	leaf := settings.Certificates[0].Leaf
	for _, name := range []string{"localhost", "192.0.2.7", "2001:db8::7", "127.0.0.1", "ftp.example.org"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if err := leaf.VerifyHostname("local"); err == nil {
		t.Error("the keyword local became a name")
	}
}

func TestLoadTLS(t *testing.T) {
	t.Parallel()
	certificate, key := writePair(t)
	_, otherKey := writePair(t)
	text := writeFile(t, "text.pem", "no certificate")
	tests := map[string]struct {
		tls  config.TLS
		want []string // none: no fault
	}{
		"none":              {config.TLS{}, nil},
		"a pair":            {config.TLS{Certificate: certificate, Key: key}, nil},
		"missing files":     {config.TLS{Certificate: "no.pem", Key: "no.pem"}, []string{"tls.certificate: open no.pem", "tls.key: open no.pem"}},
		"no PEM":            {config.TLS{Certificate: config.Path(text), Key: key}, []string{"tls.certificate: " + text}},
		"another's key":     {config.TLS{Certificate: certificate, Key: otherKey}, []string{"tls.certificate: ", "the key the certificate's own"}},
		"a missing CA":      {config.TLS{Certificate: certificate, Key: key, ClientCA: "no.pem"}, []string{"tls.client_ca: open no.pem"}},
		"a CA of something": {config.TLS{Certificate: certificate, Key: key, ClientCA: config.Path(text)}, []string{"tls.client_ca: " + text + " holds no certificate"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.TLS = test.tls
			settings, err := loadTLS(cfg)
			if len(test.want) == 0 {
				if err != nil || (settings != nil) != (test.tls.Certificate != "") {
					t.Errorf("got %v, %v", settings, err)
				}
				return
			}
			if err == nil {
				t.Fatal("no fault is found")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want it to say %q", err, part)
				}
			}
		})
	}
}

func TestTLSSettings(t *testing.T) {
	t.Parallel()
	certificate, key := writePair(t)
	cfg := config.Default()
	cfg.TLS.Certificate, cfg.TLS.Key = certificate, key
	settings, err := loadTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if settings.MinVersion != tls.VersionTLS12 || settings.ClientAuth != tls.NoClientCert {
		t.Errorf("by default: version %x, client certificates %v", settings.MinVersion, settings.ClientAuth)
	}
	cfg.TLS.MinVersion, cfg.TLS.ClientCA = "1.3", certificate
	settings, err = loadTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if settings.MinVersion != tls.VersionTLS13 || settings.ClientAuth != tls.RequireAndVerifyClientCert || settings.ClientCAs == nil {
		t.Errorf("version %x, client certificates %v of %v", settings.MinVersion, settings.ClientAuth, settings.ClientCAs)
	}
	cfg.TLS.ClientCertificates = "optional"
	settings, err = loadTLS(cfg)
	if err != nil || settings.ClientAuth != tls.VerifyClientCertIfGiven {
		t.Errorf("optional: client certificates %v, %v", settings.ClientAuth, err)
	}
}

// writePair writes a new certificate and its key.
func writePair(t *testing.T) (certificate, key config.Path) {
	t.Helper()
	pair, err := selfSigned([]string{"localhost"})
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return config.Path(writeFile(t, "cert.pem", encode("CERTIFICATE", pair.Certificate[0]))),
		config.Path(writeFile(t, "key.pem", encode("PRIVATE KEY", private)))
}
