package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
)

// pairFiles are the PEM files of a certificate and of its private key.
type pairFiles struct {
	section          string // of the configuration that names them, "tls" or "hosts[0]"
	certificate, key config.Path
}

// load reads the files. It returns nil without an error where none are named;
// config reports one that lacks the other.
func (f pairFiles) load(cfg *config.Config) (*tls.Certificate, error) {
	if f.certificate == "" || f.key == "" {
		return nil, nil
	}
	chain, err := readPEM(cfg, f.section+".certificate", f.certificate)
	key, keyErr := readPEM(cfg, f.section+".key", f.key)
	if err != nil || keyErr != nil {
		return nil, errors.Join(err, keyErr)
	}
	certificate, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, tlsFault(cfg, f.section+".certificate", fmt.Sprintf("%s and %s.key %s: %v: both must be PEM files, and the key the certificate's own",
			f.certificate, f.section, f.key, err))
	}
	return &certificate, nil
}

// follow returns settings whose certificate, which is that of the files, is
// read again when they change.
func (f pairFiles) follow(settings *tls.Config, cfg *config.Config, log *zap.Logger) *tls.Config {
	w := f.watch(&settings.Certificates[0], cfg, log)
	settings = settings.Clone()
	settings.Certificates = nil
	settings.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return w.get(), nil }
	return settings
}

func (f pairFiles) watch(current *tls.Certificate, cfg *config.Config, log *zap.Logger) *followed[tls.Certificate] {
	log = log.With(zap.String("certificate", string(f.certificate)))
	w := &followed[tls.Certificate]{
		what:     "certificate",
		files:    []string{string(f.certificate), string(f.key)},
		read:     func() (*tls.Certificate, error) { return f.load(cfg) },
		interval: certificateLookInterval,
		now:      time.Now,
		log:      log,
		tell: func(old, current *tls.Certificate) {
			if !bytes.Equal(old.Certificate[0], current.Certificate[0]) {
				log.Info("certificate reloaded", zap.Time("not_after", current.Leaf.NotAfter))
			}
		},
	}
	w.current.Store(current)
	return w
}

// certificateLookInterval is the least time between two looks at the files: a
// busy server makes thousands of handshakes in it.
const certificateLookInterval = 2 * time.Second
