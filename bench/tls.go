//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
)

// measureTLS alternates between portico and copies of io.Copy through crypto/tls,
// both ways, over TLS 1.3. The client, which decrypts or encrypts, is the same.
func measureTLS(ctx context.Context, l *lab, o options) (rows []row, err error) {
	m, err := l.startMatch(encrypted)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	down := &source{server: m.portico, fetch: m.session.fetchLarge, want: largeSize}
	bareDown := &source{server: m.bare, fetch: m.bare.fetchBare(bareTLSDownload), want: largeSize}
	if err := alternate(ctx, o.rounds, down, bareDown); err != nil {
		return nil, err
	}
	up := &source{server: m.portico, fetch: m.session.storeLarge, want: largeSize}
	bareUp := &source{server: m.bare, fetch: m.bare.storeBare(bareTLSUpload), want: largeSize}
	if err := alternate(ctx, o.rounds, up, bareUp); err != nil {
		return nil, err
	}
	return append(compareTLS("Download", down, bareDown), compareTLS("Upload", up, bareUp)...), nil
}

func compareTLS(way string, ours, theirs *source) []row {
	ratio := median(ours.rates) / median(theirs.rates)
	return []row{
		streamRow(way+" of 1 GiB in one stream, TLS 1.3", ours),
		streamRow("The same by io.Copy and crypto/tls", theirs),
		{"Ratio of the rates (medians)", fmt.Sprintf("%.2f", ratio), "at least 0.95", judge(ratio >= 0.95)},
	}
}

// selfSigned makes a certificate for the bare server as portico does.
func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}
