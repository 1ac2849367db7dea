package notify_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/notify"
)

// paths are those of the events in the requests.
func paths(t *testing.T, requests []request) []string {
	t.Helper()
	var all []string
	for _, r := range requests {
		var body struct{ Path string }
		if err := json.Unmarshal(r.body, &body); err != nil {
			t.Fatal(err)
		}
		all = append(all, body.Path)
	}
	return all
}

func TestWebhookPostsOverHTTP(t *testing.T) {
	t.Parallel()
	rec := &receiver{}
	site := httptest.NewServer(rec)
	defer site.Close()
	hook, _ := openWebhook(t, nil, func(o *notify.WebhookOptions) { o.URL, o.Client = site.URL+"/arrived", nil })
	hook.Notify(upload("/dir/first"))
	hook.Notify(upload("/dir/second"))
	mustClose(t, hook)

	requests := rec.received()
	if got, want := paths(t, requests), []string{"/dir/first", "/dir/second"}; !slices.Equal(got, want) {
		t.Fatalf("received %v, want %v", got, want)
	}
	r := requests[0]
	var body map[string]any
	if err := json.Unmarshal(r.body, &body); err != nil {
		t.Fatal(err)
	}
	id := r.header.Get("X-Portico-Delivery")
	want := map[string]any{
		"id": id, "event": "upload", "time": "2026-07-01T12:30:00.5+02:00", "session_id": 42.0, "user": "alice", "host": "ftp.example.org", "file": "/srv/alice/dir/first",
		"client": "192.0.2.1:40000", "tls": true, "path": "/dir/first", "bytes": 7.0, "duration_ns": 1.25e9,
		"anonymous": true, "contact": "me@example.org", "command": "STOR", "code": 226.0, "ascii": true,
	}
	if fmt.Sprint(body) != fmt.Sprint(want) {
		t.Errorf("body %v\nwant %v", body, want)
	}
	if id == "" || id == requests[1].header.Get("X-Portico-Delivery") {
		t.Errorf("delivery id %q is not unique", id)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "X-Portico-Event": "upload"} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	timestamp, signature := r.header.Get("X-Portico-Timestamp"), r.header.Get("X-Portico-Signature")
	if !notify.Verify(secret, timestamp, r.body, signature) {
		t.Errorf("signature %q does not fit", signature)
	}
}

func TestWebhookSendsBytesOfNamesThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	rec := &receiver{}
	hook, _ := openWebhook(t, rec, nil)
	e := upload("/caf\xe9")
	e.Kind, e.Target = server.EventRename, "/café"
	e.File, e.TargetFile = "/srv/caf\xe9", "/srv/\xff"
	hook.Notify(e)
	mustClose(t, hook)
	var body struct {
		Path            string
		PathBytes       []byte `json:"path_base64"`
		TargetBytes     []byte `json:"target_base64"`
		FileBytes       []byte `json:"file_base64"`
		TargetFileBytes []byte `json:"target_file_base64"`
	}
	if err := json.Unmarshal(rec.received()[0].body, &body); err != nil {
		t.Fatal(err)
	}
	if string(body.PathBytes) != e.Path || body.Path != "/caf\ufffd" || body.TargetBytes != nil ||
		string(body.FileBytes) != e.File || string(body.TargetFileBytes) != e.TargetFile {
		t.Errorf("got %+v", body)
	}
}

func TestWebhookSelectsEvents(t *testing.T) {
	t.Parallel()
	rec := &receiver{}
	hook, _ := openWebhook(t, rec, func(o *notify.WebhookOptions) { o.On = []server.EventKind{server.EventUpload} })
	hook.Notify(server.Event{Kind: server.EventLogin})
	hook.Notify(upload("/wanted"))
	mustClose(t, hook)
	if got := paths(t, rec.received()); !slices.Equal(got, []string{"/wanted"}) {
		t.Errorf("received %v", got)
	}
}

func TestWebhookRedirects(t *testing.T) {
	t.Parallel()
	elsewhere := &receiver{}
	other := httptest.NewServer(elsewhere)
	t.Cleanup(func() { // after the parallel tests
		other.Close()
		if n := len(elsewhere.received()); n > 0 {
			t.Errorf("the other host got %d events", n)
		}
	})
	tests := []struct {
		name      string
		code      int
		location  string
		client    *http.Client
		delivered bool
		requests  int
	}{
		{"same host, method kept", http.StatusTemporaryRedirect, "/new", nil, true, 2},
		{"same host, POST becomes GET", http.StatusFound, "/new", nil, false, 1},
		{"other host", http.StatusTemporaryRedirect, other.URL, nil, false, 1},
		{"a client that makes a GET of it", http.StatusFound, "/new", &http.Client{}, false, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rec := &receiver{answer: func(w http.ResponseWriter, r *http.Request, _ int) {
				if r.URL.Path != "/new" {
					w.Header().Set("Location", test.location)
					w.WriteHeader(test.code)
				}
			}}
			site := httptest.NewServer(rec)
			defer site.Close()
			hook, _ := openWebhook(t, nil, func(o *notify.WebhookOptions) { o.URL, o.Client = site.URL+"/old", test.client })
			hook.Notify(upload("/file"))
			mustClose(t, hook)
			if got := hook.Waiting() == 0; got != test.delivered {
				t.Errorf("delivered: %v, want %v", got, test.delivered)
			}
			if got := len(rec.received()); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
		})
	}
}

func TestWebhookRestartLosesNothing(t *testing.T) {
	t.Parallel()
	spool := filepath.Join(t.TempDir(), "new", "spool")
	down := &receiver{answer: status(http.StatusServiceUnavailable)}
	var want []string
	for run := range 3 { // each run adds to what the ones before have left
		hook, _ := openWebhook(t, down, func(o *notify.WebhookOptions) { o.Spool = spool })
		for i := range 4 {
			path := fmt.Sprintf("/%d/%d", run, i)
			want = append(want, path)
			hook.Notify(upload(path))
		}
		mustClose(t, hook)
		if got := hook.Waiting(); got != len(want) {
			t.Fatalf("%d events wait, want %d", got, len(want))
		}
	}
	up := &receiver{}
	hook, _ := openWebhook(t, up, func(o *notify.WebhookOptions) { o.Spool = spool })
	mustClose(t, hook)
	requests := up.received()
	if got := paths(t, requests); !slices.Equal(got, want) {
		t.Errorf("received %v\nwant %v", got, want)
	}
	if first := down.received()[0].header.Get("X-Portico-Delivery"); first != requests[0].header.Get("X-Portico-Delivery") {
		t.Error("the delivery id changed with the restart")
	}
	if left := fileNames(t, spool); len(left) > 0 {
		t.Errorf("the spool still holds %v", left)
	}
}

func TestWebhookIsInTheSpoolWhenNotifyReturns(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	rec := &receiver{answer: func(http.ResponseWriter, *http.Request, int) { <-release }}
	spool := t.TempDir()
	hook, _ := openWebhook(t, rec, func(o *notify.WebhookOptions) { o.Spool = spool })
	for n := 1; n <= 3; n++ {
		hook.Notify(upload("/file"))
		if got := len(fileNames(t, spool)); got != n {
			t.Errorf("%d files after %d events", got, n)
		}
	}
	info, err := os.Stat(filepath.Join(spool, fileNames(t, spool)[0]))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	close(release)
	mustClose(t, hook)
}

func TestWebhookFullSpoolDropsTheOldest(t *testing.T) {
	t.Parallel()
	spool := t.TempDir()
	down := &receiver{answer: status(http.StatusServiceUnavailable)}
	hook, logs := openWebhook(t, down, func(o *notify.WebhookOptions) { o.Spool, o.MaxSpooled = spool, 3 })
	for i := range 10 {
		hook.Notify(upload(fmt.Sprint("/", i)))
	}
	mustClose(t, hook)
	if hook.Dropped() != 7 || hook.Waiting() != 3 || len(fileNames(t, spool)) != 3 {
		t.Errorf("dropped %d, waiting %d, files %v", hook.Dropped(), hook.Waiting(), fileNames(t, spool))
	}
	if !strings.Contains(logText(t, logs), `"reason":"spool full"`) {
		t.Error("the loss was not logged")
	}

	up := &receiver{}
	hook, _ = openWebhook(t, up, func(o *notify.WebhookOptions) { o.Spool, o.MaxSpooled = spool, 2 })
	mustClose(t, hook)
	if got := paths(t, up.received()); !slices.Equal(got, []string{"/8", "/9"}) {
		t.Errorf("received %v", got)
	}
}

func TestWebhookSetsDamagedFilesAside(t *testing.T) {
	t.Parallel()
	spool := t.TempDir()
	down := &receiver{answer: status(http.StatusServiceUnavailable)}
	hook, _ := openWebhook(t, down, func(o *notify.WebhookOptions) { o.Spool = spool })
	for i := range 5 {
		hook.Notify(upload(fmt.Sprint("/", i)))
	}
	mustClose(t, hook)
	names := fileNames(t, spool)
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(spool, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(names[0], "")
	write(names[1], `{"id":"ANOTHER","event":"upload"}`)
	write(names[3], `{"id":"`+strings.TrimSuffix(names[3][21:], ".json")+`","event":"party"}`)
	write(names[4]+".tmp", `{"id`)
	write("README", "not ours")

	up := &receiver{}
	hook, logs := openWebhook(t, up, func(o *notify.WebhookOptions) { o.Spool = spool })
	mustClose(t, hook)
	if got := paths(t, up.received()); !slices.Equal(got, []string{"/2", "/4"}) {
		t.Errorf("received %v", got)
	}
	want := []string{names[0] + ".bad", names[1] + ".bad", names[3] + ".bad", "README"}
	if got := fileNames(t, spool); !slices.Equal(got, want) {
		t.Errorf("the spool holds %v, want %v", got, want)
	}
	if n := logs.FilterMessage("set a damaged file of the spool aside").Len(); n != 3 || hook.Dropped() != 3 {
		t.Errorf("%d damaged files logged, %d counted", n, hook.Dropped())
	}
}

func TestWebhookSpoolThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	spool := filepath.Join(t.TempDir(), "spool")
	rec := &receiver{}
	hook, logs := openWebhook(t, rec, func(o *notify.WebhookOptions) { o.Spool = spool })
	if err := os.Remove(spool); err != nil {
		t.Fatal(err)
	}
	hook.Notify(upload("/file"))
	mustClose(t, hook)
	if hook.Dropped() != 1 || !strings.Contains(logText(t, logs), "cannot write to the spool") {
		t.Errorf("dropped %d, log %s", hook.Dropped(), logText(t, logs))
	}
}

func TestWebhookConcurrentEvents(t *testing.T) {
	t.Parallel()
	rec := &receiver{}
	hook, _ := openWebhook(t, rec, nil)
	const sessions, each = 8, 25
	var group sync.WaitGroup
	for session := range sessions {
		group.Go(func() {
			for i := range each {
				hook.Notify(upload(fmt.Sprintf("/%d/%02d", session, i)))
			}
		})
	}
	group.Wait()
	mustClose(t, hook)
	hook.Notify(upload("/late"))
	if hook.Dropped() != 1 {
		t.Errorf("dropped %d, want the late one alone", hook.Dropped())
	}
	received := paths(t, rec.received())
	if len(received) != sessions*each {
		t.Fatalf("received %d events, want %d", len(received), sessions*each)
	}
	last := map[byte]string{}
	for _, path := range received {
		if path <= last[path[1]] {
			t.Errorf("%s came after %s", path, last[path[1]])
		}
		last[path[1]] = path
	}
}

func TestWebhookOptionErrors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*notify.WebhookOptions)
		want   string
	}{
		{"no URL", func(o *notify.WebhookOptions) { o.URL = "" }, "URL"},
		{"other scheme", func(o *notify.WebhookOptions) { o.URL = "ftp://user:hidden@host" }, "URL"},
		{"broken URL", func(o *notify.WebhookOptions) { o.URL = "http://user:hidden@ho st" }, "URL"},
		{"no host", func(o *notify.WebhookOptions) { o.URL = "http:///path" }, "URL"},
		{"no secret", func(o *notify.WebhookOptions) { o.Secret = "" }, "Secret"},
		{"no spool", func(o *notify.WebhookOptions) { o.Spool = "" }, "Spool"},
		{"spool is a file", func(o *notify.WebhookOptions) { o.Spool = file }, "Spool"},
		{"unknown event", func(o *notify.WebhookOptions) { o.On = []server.EventKind{99} }, "On"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			opts := notify.WebhookOptions{URL: "http://host", Secret: secret, Spool: t.TempDir()}
			test.change(&opts)
			_, err := notify.NewWebhook(opts)
			if err == nil || !strings.Contains(err.Error(), "WebhookOptions."+test.want) {
				t.Fatalf("error %v does not name %s", err, test.want)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("error tells the password: %v", err)
			}
		})
	}
}
