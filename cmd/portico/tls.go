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
	authorities, caErr := loadAuthorities(cfg, "tls.client_ca", cfg.TLS.ClientCA)
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
		settings.ClientAuth = clientAuth(cfg)
	}
	return settings, err
}

func loadCertificate(cfg *config.Config) (*tls.Certificate, error) {
	if cfg.TLS.SelfSigned {
		return selfSigned(certificateNames(cfg))
	}
	return serverPair(cfg).load(cfg)
}

func serverPair(cfg *config.Config) pairFiles {
	return pairFiles{"tls", cfg.TLS.Certificate, cfg.TLS.Key}
}

// loadHostTLS returns the TLS settings of a virtual host, nil if they are all
// the server's. What the host leaves out it has from those, client certificates
// too: else its name would be a way around them.
func loadHostTLS(cfg *config.Config, index int, ofServer *tls.Config) (*tls.Config, error) {
	host, section := cfg.Hosts[index], hostSection(index)
	certificate, err := hostPair(cfg, index).load(cfg)
	authorities, caErr := loadAuthorities(cfg, section+".client_ca", host.ClientCA)
	if err != nil || caErr != nil || ofServer == nil || certificate == nil && authorities == nil {
		return nil, errors.Join(err, caErr)
	}
	settings := ofServer.Clone()
	if certificate != nil {
		settings.Certificates = []tls.Certificate{*certificate}
	}
	if authorities != nil {
		settings.ClientCAs = authorities
		settings.ClientAuth = clientAuth(cfg)
	}
	return settings, nil
}

func hostSection(index int) string { return fmt.Sprintf("hosts[%d]", index) }

func hostPair(cfg *config.Config, index int) pairFiles {
	return pairFiles{hostSection(index), cfg.Hosts[index].Certificate, cfg.Hosts[index].Key}
}

func clientAuth(cfg *config.Config) tls.ClientAuthType {
	if cfg.TLS.ClientCertificates == "optional" {
		return tls.VerifyClientCertIfGiven
	}
	return tls.RequireAndVerifyClientCert
}

func loadAuthorities(cfg *config.Config, key string, file config.Path) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := readPEM(cfg, key, file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, tlsFault(cfg, key, fmt.Sprintf("%s holds no certificate: name a PEM file with some", file))
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
