//go:build unix

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificates are a test authority and the server's certificate under it.
// Clients verify them as they would in the field.
type certificates struct {
	ca, certificate, key string // PEM files
	pool                 *x509.CertPool
}

func newCertificates(dir string, owner *identity) (*certificates, error) {
	c := &certificates{
		ca:          filepath.Join(dir, "ca.pem"),
		certificate: filepath.Join(dir, "cert.pem"),
		key:         filepath.Join(dir, "key.pem"),
		pool:        x509.NewCertPool(),
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	authority := authorityTemplate()
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	if err != nil {
		return nil, err
	}
	if authority, err = x509.ParseCertificate(caDER); err != nil {
		return nil, err
	}
	c.pool.AddCert(authority)
	leafDER, err := x509.CreateCertificate(rand.Reader, serverTemplate(), authority, key.Public(), caKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return c, c.write(owner, caDER, leafDER, keyDER)
}

func authorityTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Portico test authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
}

func serverTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
}

func (c *certificates) write(owner *identity, ca, leaf, key []byte) error {
	files := []struct {
		path, kind string
		der        []byte
		mode       os.FileMode
	}{
		{c.ca, "CERTIFICATE", ca, 0o644},
		{c.certificate, "CERTIFICATE", leaf, 0o644},
		{c.key, "PRIVATE KEY", key, 0o600},
	}
	for _, f := range files {
		block := pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der})
		if err := os.WriteFile(f.path, block, f.mode); err != nil {
			return err
		}
		if err := owner.own(f.path); err != nil {
			return err
		}
	}
	return nil
}

// client is the TLS configuration of a Go client. Its sessions resume, as
// those of real clients do.
func (c *certificates) client(host string) *tls.Config {
	return &tls.Config{
		RootCAs:            c.pool,
		ServerName:         host,
		ClientSessionCache: tls.NewLRUClientSessionCache(16),
	}
}
