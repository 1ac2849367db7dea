//go:build unix

package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	hookSecret = "a-secret-between-two-machines"
	// hookTimeout is how long events may take, pauses between attempts included.
	hookTimeout = 2 * time.Minute
)

// delivered is the body of a request, less what the tests do not look at.
type delivered struct {
	ID, Event, User, Client, Path, Target, File string
	TargetFile                                  string `json:"target_file"`
	PathBytes                                   []byte `json:"path_base64"`
	Bytes                                       int64
	Duration                                    time.Duration `json:"duration_ns"`
	Time                                        time.Time
	TLS                                         bool
}

// receiver is a web server for events. It can be taken away and come back at
// the same address.
type receiver struct {
	t       *testing.T
	address string
	server  *http.Server

	mu       sync.Mutex // guards what follows
	answers  []int      // to the next requests; then 204
	refused  int        // how many were answered with those
	received []delivered
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, address: fmt.Sprintf("127.0.0.1:%d", suite.ports.take(t, 1).first)}
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) start() {
	r.t.Helper()
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.server = &http.Server{Handler: r}
	go r.server.Serve(listener)
}

func (r *receiver) stop() {
	if r.server != nil {
		_ = r.server.Close()
	}
	r.server = nil
}

// ServeHTTP checks the signature in the way that the documentation tells.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	timestamp := request.Header.Get("X-Portico-Timestamp")
	mac := hmac.New(sha256.New, []byte(hookSecret))
	fmt.Fprintf(mac, "%s.%s", timestamp, body)
	seconds, timeErr := strconv.ParseInt(timestamp, 10, 64)
	age := time.Since(time.Unix(seconds, 0))
	if err != nil || timeErr != nil || age < -time.Minute || age > time.Minute ||
		request.Header.Get("X-Portico-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
		r.t.Errorf("a request is not signed well: %v, %v, %v", err, timeErr, request.Header)
	}
	var event delivered
	if err := json.Unmarshal(body, &event); err != nil {
		r.t.Errorf("%v in %s", err, body)
	}
	if request.Method != http.MethodPost || request.URL.Path != "/arrived" || request.Header.Get("Content-Type") != "application/json" ||
		request.Header.Get("X-Portico-Event") != event.Event || request.Header.Get("X-Portico-Delivery") != event.ID {
		r.t.Errorf("%s %s, %v, does not fit its body %s", request.Method, request.URL, request.Header, body)
	}
	w.WriteHeader(r.take(event))
}

func (r *receiver) take(event delivered) (status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
		r.refused++
		return status
	}
	r.received = append(r.received, event)
	return http.StatusNoContent
}

// once is what has been received, without what came twice.
func (r *receiver) once() []delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	var events []delivered
	for _, e := range r.received {
		if !slices.ContainsFunc(events, func(other delivered) bool { return other.ID == e.ID }) {
			events = append(events, e)
		}
	}
	return events
}

// await waits for n events and says which files they are of.
func (r *receiver) await(n int) []string {
	r.t.Helper()
	eventually(r.t, hookTimeout, fmt.Sprintf("%d events arrive", n), func() bool { return len(r.once()) >= n })
	var paths []string
	for _, e := range r.once() {
		paths = append(paths, e.Path)
	}
	return paths
}

// webhook has the site post events and returns the directory of its spool.
func (s *site) webhook(r *receiver, events ...any) (spool string) {
	s.t.Helper()
	state := filepath.Join(s.dir, "state")
	secret := filepath.Join(s.dir, "hook-secret")
	for _, err := range []error{os.Mkdir(state, 0o700), os.WriteFile(secret, []byte(hookSecret+"\n"), 0o600), suite.identity.own(state), suite.identity.own(secret)} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
	spool = filepath.Join(state, "hook")
	s.set("hooks", []any{map[string]any{
		"events": events, "url": "http://token:" + wrongPassword + "@" + r.address + "/arrived", "secret_file": secret, "spool": spool,
	}})
	return spool
}

// upload uploads a small file in a session of its own.
func (s *site) upload(t *testing.T, name string) {
	t.Helper()
	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.stor(name)
	if _, err := io.WriteString(conn, "content"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	r.expect(226)
	_ = r.conn.Close()
}

// The receiver is busy, then away; meanwhile the server is killed, stopped and
// started. Whoever has read 226 can rely on the event.
func TestWebhookLosesNoEvent(t *testing.T) {
	t.Parallel()
	s, r := newSite(t), newReceiver(t)
	spool := s.webhook(r, "upload")
	r.answers = []int{503, 500}
	r.start()
	p := s.start()
	var want []string
	send := func(n int) {
		for range n {
			name := fmt.Sprintf("/file %d", len(want))
			s.upload(t, name)
			want = append(want, name)
		}
	}
	send(3)
	if got := r.await(3); !slices.Equal(got, want) {
		t.Errorf("received %q, want %q", got, want)
	}
	if r.refused != 2 {
		t.Errorf("%d requests were refused, want both", r.refused)
	}

	r.stop()
	send(5)
	p.signal(t, syscall.SIGKILL)
	<-p.done
	waiting, err := filepath.Glob(filepath.Join(spool, "*.json"))
	if err != nil || len(waiting) != 5 {
		t.Errorf("%d events are in the spool of the killed server, want 5: %v", len(waiting), err)
	}
	for _, file := range append(waiting, spool) {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may read the spool: %v, %v", info, err)
		}
	}

	p = s.start()
	send(2)
	p.finish(t)
	if log := p.log.String(); !strings.Contains(log, "events stay in the spool for the next start") || !strings.Contains(log, "webhook failed") {
		t.Errorf("the log does not tell what became of the events:\n%s", log)
	}

	s.start()
	send(1)
	r.start()
	if got := r.await(len(want)); !slices.Equal(got, want) {
		t.Errorf("received\n%q, want\n%q", got, want)
	}
	eventually(t, hookTimeout, "the spool is empty", func() bool {
		left, err := os.ReadDir(spool)
		return err == nil && len(left) == 0
	})
}

func TestWebhookTellsEveryFact(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	s, r := newSite(t), newReceiver(t)
	s.webhook(r, "upload", "rename", "delete")
	r.start()
	p := s.start()
	c := &curl{t: t, endpoint: s.endpoint(route{pasv, explicit, "127.0.0.1"}, t.TempDir())}
	for _, err := range []error{c.put(newSample(t, 7).path, "/a \"b\"'$(c)"), c.rename("/a \"b\"'$(c)", "/<&>"), c.remove("/<&>")} {
		if err != nil {
			t.Fatalf("%v\n%s", err, c.trace())
		}
	}
	raw := dialRaw(t, s.controlAddress())
	raw.login()
	_ = raw.stor("/caf\xe9").Close()
	raw.expect(226)
	p.finish(t) // posts what waits
	events := r.once()
	if len(events) != 4 {
		t.Fatalf("got %+v", events)
	}
	for i, e := range events {
		if e.User != userName || e.TLS != (i < 3) || !strings.HasPrefix(e.Client, "127.0.0.1:") || time.Since(e.Time) > time.Hour || len(e.ID) < 20 {
			t.Errorf("%+v does not tell who it was", e)
		}
		if transfer := e.Event == "upload"; transfer != (e.Duration > 0) {
			t.Errorf("%s took %v", e.Event, e.Duration)
		}
	}
	type facts struct {
		event, path, target, file, targetFile string
		bytes                                 int64
	}
	want := []facts{
		{"upload", "/a \"b\"'$(c)", "", s.home + "/a \"b\"'$(c)", "", 7},
		{"rename", "/a \"b\"'$(c)", "/<&>", s.home + "/a \"b\"'$(c)", s.home + "/<&>", 0},
		{"delete", "/<&>", "", s.home + "/<&>", "", 0},
		{"upload", "/caf\ufffd", "", s.home + "/caf\ufffd", "", 0},
	}
	for i, e := range events {
		if got := (facts{e.Event, e.Path, e.Target, e.File, e.TargetFile, e.Bytes}); got != want[i] {
			t.Errorf("got %+v, want %+v", got, want[i])
		}
	}
	if got := string(events[3].PathBytes); got != "/caf\xe9" {
		t.Errorf("the bytes of the name are %q", got)
	}
}

// A receiver that hangs, and a command that does, hold up no session and not
// the end of the server.
func TestHooksThatHangHoldNobodyUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s.webhook(&receiver{address: silent.Addr().String()}, "upload")
	s.settings["hooks"] = append(s.settings["hooks"].([]any), map[string]any{
		"events": []any{"upload"}, "command": []any{"sleep", "3600"}, "timeout": "1h", "concurrency": 1, "queue": 1,
	})
	s.set("drain.timeout", "1s")
	p := s.start()
	for i := range 20 {
		s.upload(t, fmt.Sprintf("/file%d", i))
	}
	p.finish(t)
	log := p.log.String()
	for _, want := range []string{"events dropped", "queue full", "a hook did not end in time", "events stay in the spool"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, hookSecret) {
		t.Error("the log tells the secret")
	}
}

func TestCheckLooksAtHooks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	spool := s.webhook(&receiver{address: "192.0.2.1:9"}, "upload")
	script, out := s.hookScript()
	s.settings["hooks"] = append(s.settings["hooks"].([]any), map[string]any{"events": []any{"login"}, "command": []any{script, out}})
	code, said, _ := runPortico(t, suite.identity, "check", "--config", s.configFile())
	if code != 0 || !strings.Contains(said, "ok    hooks[0]: upload: the spool can be written") || !strings.Contains(said, "ok    hooks[1]: login: "+script+" can be started") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	for _, err := range []error{os.Chmod(filepath.Dir(spool), 0o500), os.Chmod(script, 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 && suite.identity == nil {
		t.Skip("root may write everywhere")
	}
	code, said, _ = runPortico(t, suite.identity, "check", "--config", s.configFile())
	if code != 1 || !strings.Contains(said, "hooks[0].spool: nothing can be made in "+filepath.Dir(spool)+": permission denied") ||
		!strings.Contains(said, "hooks[1].command: exec: ") || strings.Contains(said, wrongPassword) {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	code, _, said = runPortico(t, suite.identity, "serve", "--config", s.configFile())
	checkRefusal(t, code, said, []string{`hooks\[0\]\.spool`, `hooks\[1\]\.command`})
}
