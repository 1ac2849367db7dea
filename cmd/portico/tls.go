package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/portico-ftp/portico/config"
)

// loadTLS returns the TLS settings of a configuration, nil if it offers none.
// What config finds wrong by itself is not reported again.
func loadTLS(cfg *config.Config) (*tls.Config, error) {
	certificate, err := loadCertificate(cfg)
	authorities, caErr := loadAuthorities(cfg)
	if certificate == nil || caErr != nil {
		return nil, errors.Join(err, caErr)
	}
	settings := &tls.Config{
		Certificates: []tls.Certificate{*certificate},
		MinVersion:   tls.VersionTLS12,
	}
	if cfg.TLS.MinVersion == "1.3" {
		settings.MinVersion = tls.VersionTLS13
	}
	if authorities != nil {
		settings.ClientCAs = authorities
		settings.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return settings, err
}

func loadCertificate(cfg *config.Config) (*tls.Certificate, error) {
	switch {
	case cfg.TLS.SelfSigned:
		return selfSigned(certificateNames(cfg))
	case cfg.TLS.Certificate == "" || cfg.TLS.Key == "":
		return nil, nil
	}
	chain, err := readPEM(cfg, "tls.certificate", cfg.TLS.Certificate)
	key, keyErr := readPEM(cfg, "tls.key", cfg.TLS.Key)
	if err != nil || keyErr != nil {
		return nil, errors.Join(err, keyErr)
	}
	certificate, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, tlsFault(cfg, "tls.certificate", fmt.Sprintf("%s and tls.key %s: %v: both must be PEM files, and the key the certificate's own",
			cfg.TLS.Certificate, cfg.TLS.Key, err))
	}
	return &certificate, nil
}

func loadAuthorities(cfg *config.Config) (*x509.CertPool, error) {
	if cfg.TLS.ClientCA == "" {
		return nil, nil
	}
	text, err := readPEM(cfg, "tls.client_ca", cfg.TLS.ClientCA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, tlsFault(cfg, "tls.client_ca", fmt.Sprintf("%s holds no certificate: name a PEM file with some", cfg.TLS.ClientCA))
	}
	return pool, nil
}

func readPEM(cfg *config.Config, key string, path config.Path) ([]byte, error) {
	text, err := os.ReadFile(string(path))
	if err != nil {
		return nil, tlsFault(cfg, key, fmt.Sprintf("%v: name a PEM file that the user whom Portico runs as can read", err))
	}
	return text, nil
}

func tlsFault(cfg *config.Config, key, problem string) error {
	return &config.Fault{Source: cfg.Source(key), Key: key, Problem: problem}
}
