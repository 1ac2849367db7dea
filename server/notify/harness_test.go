package notify_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/notify"
)

const secret = "a-secret-that-nobody-may-log"

// upload is an event with every fact but a target.
func upload(path string) server.Event {
	return server.Event{
		Kind:      server.EventUpload,
		Time:      time.Date(2026, 7, 1, 12, 30, 0, 5e8, time.FixedZone("CEST", 7200)),
		SessionID: 42, User: "alice", Host: "ftp.example.org", File: "/srv/alice" + path, Client: netip.MustParseAddrPort("192.0.2.1:40000"), TLS: true,
		Path: path, Bytes: 7, Duration: 1250 * time.Millisecond,
		Anonymous: true, Contact: "me@example.org", Command: "STOR", Code: 226, ASCII: true,
	}
}

// receiver is a web server whose answers a test writes. It keeps what it was
// sent.
type receiver struct {
	answer func(w http.ResponseWriter, r *http.Request, n int) // the n-th request, from 1

	mu       sync.Mutex
	requests []request
}

type request struct {
	header http.Header
	body   []byte
	at     time.Time
}

func (rec *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	rec.mu.Lock()
	rec.requests = append(rec.requests, request{r.Header.Clone(), body, time.Now()})
	n := len(rec.requests)
	rec.mu.Unlock()
	if rec.answer != nil {
		rec.answer(w, r, n)
	}
}

func (rec *receiver) received() []request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Clone(rec.requests)
}

// RoundTrip makes the receiver a transport, so that a synctest bubble needs no
// sockets. A handler that panics with http.ErrAbortHandler has hung up.
func (rec *receiver) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if failure := recover(); failure == http.ErrAbortHandler {
			err = fmt.Errorf("connection reset")
		} else if failure != nil {
			panic(failure)
		}
	}()
	recorder := httptest.NewRecorder()
	rec.ServeHTTP(recorder, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	response = recorder.Result()
	response.Request = r
	return response, nil
}

func status(code int) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(code) }
}

// openWebhook makes a webhook that talks to the receiver without sockets.
func openWebhook(t *testing.T, rec *receiver, change func(*notify.WebhookOptions)) (*notify.Webhook, *observer.ObservedLogs) {
	t.Helper()
	logger, logs := observed()
	opts := notify.WebhookOptions{
		URL: "https://hook:password@hook.test/path-token", Secret: secret, Spool: filepath.Join(t.TempDir(), "spool"),
		Client: &http.Client{Transport: rec}, Logger: logger,
	}
	if change != nil {
		change(&opts)
	}
	hook, err := notify.NewWebhook(opts)
	if err != nil {
		t.Fatal(err)
	}
	return hook, logs
}

func observed() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	return zap.New(core), logs
}

// logText is all that was logged, as one text.
func logText(t *testing.T, logs *observer.ObservedLogs) string {
	t.Helper()
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	var text strings.Builder
	for _, entry := range logs.All() {
		line, err := encoder.EncodeEntry(entry.Entry, entry.Context)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(line.Bytes())
	}
	return text.String()
}

// closing is what a Command and a Webhook have in common.
type closing interface{ Close(context.Context) error }

// mustClose closes and waits for all that is left to do.
func mustClose(t *testing.T, c closing) {
	t.Helper()
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
}

// cancelled is a context that is done.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func fileNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
