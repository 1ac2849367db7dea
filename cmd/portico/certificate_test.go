package main

import (
	"crypto/tls"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/config"
)

// watched is a watch on files that a test replaces, with a clock that it turns.
type watched struct {
	certificate, key string
	watch            *followed[tls.Certificate]
	settings         *tls.Config
	log              *observer.ObservedLogs
	now              time.Time
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	cfg := config.Default()
	cfg.TLS.Certificate, cfg.TLS.Key = writePair(t)
	settings, err := loadTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{certificate: string(cfg.TLS.Certificate), key: string(cfg.TLS.Key), now: time.Now()}
	core, log := observer.New(zapcore.InfoLevel)
	w.log = log
	w.watch = serverPair(cfg).watch(&settings.Certificates[0], cfg, zap.New(core))
	w.watch.now = func() time.Time { return w.now }
	w.settings = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return w.watch.get(), nil }}
	return w
}

// install replaces both files by a new pair and returns its serial number.
func (w *watched) install(t *testing.T) string {
	t.Helper()
	certificate, key := writePair(t)
	rename(t, string(certificate), w.certificate)
	rename(t, string(key), w.key)
	pair, err := tls.LoadX509KeyPair(w.certificate, w.key)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.SerialNumber.String()
}

// rename replaces a file by another one, as programs do that renew certificates.
func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// wait lets the time pass after which the files are looked at again.
func (w *watched) wait() { w.now = w.now.Add(certificateLookInterval) }

// shown is the serial number of the certificate in a handshake.
func (w *watched) shown(t *testing.T) string {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	served := make(chan error, 1)
	go func() { served <- tls.Server(there, w.settings).Handshake() }()
	client := tls.Client(here, &tls.Config{InsecureSkipVerify: true})
	if err := client.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	here.Close()
	<-served // the ticket after the handshake may have met the end
	return client.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func (w *watched) wantShown(t *testing.T, when, want string) {
	t.Helper()
	if got := w.shown(t); got != want {
		t.Errorf("%s: the certificate %s is shown, want %s", when, got, want)
	}
}

func (w *watched) wantLogged(t *testing.T, when string, level zapcore.Level, part string) {
	t.Helper()
	entries := w.log.TakeAll()
	if len(entries) != 1 || entries[0].Level != level {
		t.Errorf("%s: logged %+v, want one entry of level %v", when, entries, level)
		return
	}
	if text := entries[0].Message + " " + entryError(entries[0]); !strings.Contains(text, part) {
		t.Errorf("%s: logged %q, want it to say %q", when, text, part)
	}
}

func entryError(entry observer.LoggedEntry) string {
	text, _ := entry.ContextMap()["error"].(string)
	return text
}

func TestCertificateFollowsItsFiles(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	first := w.watch.current.Load().Leaf.SerialNumber.String()
	w.wantShown(t, "at first", first)
	second := w.install(t)
	w.wantShown(t, "before the time to look", first)
	if w.log.Len() != 0 {
		t.Errorf("logged %+v, want nothing", w.log.All())
	}
	w.wait()
	w.wantShown(t, "after it", second)
	w.wantLogged(t, "after it", zapcore.InfoLevel, "certificate reloaded")

	third := w.install(t)
	w.wait()
	w.wantShown(t, "after another change", third)
}

func TestCertificateOfBeforeTheFirstLookIsSeen(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.wantShown(t, "changed since the start read it", w.install(t))
}

func TestBadCertificateLeavesTheOldOneInUse(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	good := w.shown(t)
	_, otherKey := writePair(t)
	rename(t, string(otherKey), w.key)
	w.wait()
	w.wantShown(t, "with another's key", good)
	w.wantLogged(t, "with another's key", zapcore.ErrorLevel, "tls.certificate: "+w.certificate+" and tls.key "+w.key)
	w.wait()
	w.wantShown(t, "with another's key still", good)
	if w.log.Len() != 0 {
		t.Errorf("the same failure is logged again: %+v", w.log.All())
	}

	if err := os.Remove(w.certificate); err != nil {
		t.Fatal(err)
	}
	w.wait()
	w.wantShown(t, "without a file", good)
	w.wantLogged(t, "without a file", zapcore.ErrorLevel, "tls.certificate: open "+w.certificate)

	renewed := w.install(t)
	w.wait()
	w.wantShown(t, "with a good pair", renewed)
	w.wantLogged(t, "with a good pair", zapcore.InfoLevel, "certificate reloaded")
}

// A failure may have passed although the files are the same: too many were open.
func TestFailedReadingIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	read := w.watch.read
	w.watch.read = func() (*tls.Certificate, error) { return nil, os.ErrPermission }
	renewed := w.install(t)
	if got := w.shown(t); got == renewed {
		t.Fatal("the certificate came although it could not be read")
	}
	w.watch.read = read
	w.wait()
	w.wantShown(t, "readable again", renewed)
}

func TestCertificateIsFollowedByManyHandshakes(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.TLS.Certificate, cfg.TLS.Key = writePair(t)
	settings, err := loadTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	followed := serverPair(cfg).follow(settings, cfg, zaptest.NewLogger(t))
	var handshakes sync.WaitGroup
	for range 8 {
		handshakes.Go(func() {
			for range 100 {
				if certificate, err := followed.GetCertificate(nil); certificate == nil || err != nil {
					t.Errorf("got %v, %v", certificate, err)
				}
			}
		})
	}
	handshakes.Wait()
}
