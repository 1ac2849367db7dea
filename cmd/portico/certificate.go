package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
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
	settings.Certificates, settings.GetCertificate = nil, w.get
	return settings
}

func (f pairFiles) watch(current *tls.Certificate, cfg *config.Config, log *zap.Logger) *certificateWatch {
	w := &certificateWatch{
		files: []string{string(f.certificate), string(f.key)},
		read:  func() (*tls.Certificate, error) { return f.load(cfg) },
		now:   time.Now,
		log:   log.With(zap.String("certificate", string(f.certificate))),
	}
	w.current.Store(current)
	return w
}

// certificateLookInterval is the least time between two looks at the files: a
// busy server makes thousands of handshakes in it.
const certificateLookInterval = 2 * time.Second

// certificateWatch hands out a certificate, and reads its files again when they
// have changed. It looks at a handshake, so it needs no goroutine and no signal.
// A new pair that is wrong, perhaps because only one of the files has been
// replaced so far, leaves the old one in use.
type certificateWatch struct {
	files []string
	read  func() (*tls.Certificate, error)
	now   func() time.Time
	log   *zap.Logger

	current atomic.Pointer[tls.Certificate]

	// looking guards the fields below. Whoever has it reads files, so nobody
	// waits for it.
	looking sync.Mutex
	lookAt  time.Time
	seen    []fs.FileInfo // nil before the first look
	failure string        // of the last reading, empty: none
}

// get is a tls.Config's GetCertificate. It never fails.
func (w *certificateWatch) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if w.looking.TryLock() {
		w.look()
		w.looking.Unlock()
	}
	return w.current.Load(), nil
}

// look looks at the files if its time has come. The first time it always reads
// them: they may have changed since the start read them.
func (w *certificateWatch) look() {
	now := w.now()
	if now.Before(w.lookAt) {
		return
	}
	w.lookAt = now.Add(certificateLookInterval)
	// Before the files are read, so that a change meanwhile is seen next time.
	infos := statAll(w.files)
	if w.failure == "" && sameFiles(infos, w.seen) {
		return
	}
	w.seen = infos
	w.take(w.read())
}

// take puts a new pair into use. A failure is tried again at each look, since
// it may have another cause than the files, but is logged once.
func (w *certificateWatch) take(certificate *tls.Certificate, err error) {
	if err != nil {
		if err.Error() != w.failure {
			w.log.Error("changed certificate cannot be used, the old one stays in use", zap.Error(err))
		}
		w.failure = err.Error()
		return
	}
	w.failure = ""
	old := w.current.Swap(certificate)
	if !bytes.Equal(old.Certificate[0], certificate.Certificate[0]) {
		w.log.Info("certificate reloaded", zap.Time("not_after", certificate.Leaf.NotAfter))
	}
}

// statAll returns nil for each file that cannot be looked at.
func statAll(files []string) []fs.FileInfo {
	infos := make([]fs.FileInfo, len(files))
	for i, file := range files {
		if info, err := os.Stat(file); err == nil {
			infos[i] = info
		}
	}
	return infos
}

// sameFiles says whether nothing has changed. Kubernetes replaces files by
// turning a symbolic link to others, which may be of the same size and time.
func sameFiles(a, b []fs.FileInfo) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		switch {
		case a[i] == nil && b[i] == nil:
		case a[i] == nil || b[i] == nil:
			return false
		case !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()):
			return false
		}
	}
	return true
}
