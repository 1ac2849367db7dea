package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// store answers the listing of a bucket as S3 does, by the bucket's name, and
// says which prefixes it was asked for.
func store(t *testing.T) (url string, prefixes chan string) {
	t.Helper()
	prefixes = make(chan string, 10)
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			prefixes <- r.URL.Query().Get("prefix")
			_, _ = w.Write([]byte(`<ListBucketResult><Name>good</Name></ListBucketResult>`)) // the client reports what is lost
		case "/silent":
			<-ended
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`<Error><Code>AccessDenied</Code></Error>`))
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(ended) })
	return server.URL, prefixes
}

// withBuckets has alice at home in the first, with the others mounted.
func withBuckets(t *testing.T, store string, names ...string) *setup {
	t.Helper()
	text := "buckets:\n"
	for _, name := range names {
		text += fmt.Sprintf("  - {name: %s, url: \"s3://%s?region=us-east-1&use_path_style=true&endpoint=%s\", access_key: access, secret_key: hidden}\n", name, name, store)
	}
	text += fmt.Sprintf("users:\n  - name: alice\n    password: %q\n    storage: object\n    bucket: %s\n    prefix: ftp/%%u\n    mounts:\n", hashOf(t, "secret"), names[0])
	for _, name := range names[1:] {
		text += fmt.Sprintf("      - {path: /%s, storage: object, bucket: %s, permissions: [list, read]}\n", name, name)
	}
	cfg, err := config.Load(config.LoadOptions{File: writeFile(t, "portico.yaml", text)})
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{config: cfg}
	if err := s.openBuckets(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.closeBuckets(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestBucketsAreChecked(t *testing.T) {
	t.Parallel()
	url, prefixes := store(t)
	s := withBuckets(t, url, "good", "denied")
	users, err := s.driverUsers("users", s.config.Users)
	if err != nil {
		t.Fatal(err)
	}
	if got := users[0].Mounts[0].Permissions; got != driver.ReadOnly {
		t.Errorf("the mount has permissions %v, want those of the configuration", got)
	}
	if _, err := driver.NewUsers(users, driver.UsersOptions{Defaults: accountDefaults()}); err != nil {
		t.Error(err)
	}
	r := &report{}
	s.checkBuckets(t.Context(), r)
	if got := <-prefixes; got != "ftp/alice" {
		t.Errorf("the bucket was asked for %q, want what its first user may see", got)
	}
	if len(r.Checks) != 2 || !r.Checks[0].OK || r.Checks[0].Check != "bucket good" || r.Checks[1].OK {
		t.Fatalf("the report is %+v, want one bucket to be good", r.Checks)
	}
	for _, want := range []string{"buckets[1].url: cannot be listed", "AccessDenied"} {
		if !strings.Contains(r.Checks[1].Detail, want) {
			t.Errorf("the report says %q, want %q", r.Checks[1].Detail, want)
		}
	}
	core, logged := observer.New(zap.WarnLevel)
	s.logBuckets(t.Context(), zap.New(core))
	if entries := logged.All(); len(entries) != 1 || entries[0].ContextMap()["bucket"] != "denied" {
		t.Errorf("the log has %v, want a warning about one bucket", entries)
	}
}

func TestSilentBucketsDoNotHoldUpTheCheck(t *testing.T) {
	t.Parallel()
	url, _ := store(t)
	s := withBuckets(t, url, "silent")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.tryBuckets(ctx)[0]; err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("got %v, want it to say that there was no answer", err)
	}
	stopped := make(chan struct{})
	go func() {
		s.watchBuckets(t.Context(), zap.NewNop())()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-time.After(bucketTimeout):
		t.Error("the end of the server waits for a bucket")
	}
}

func TestCheckReportsBuckets(t *testing.T) {
	t.Parallel()
	url, _ := store(t)
	text := func(prefix string) string {
		return `
passive: {ports: ""}
listeners: [{address: "127.0.0.1:` + takePort(t) + `"}]
buckets:
  - {name: files, url: "s3://good?region=us-east-1&use_path_style=true&endpoint=` + url + `", access_key: access, secret_key: hidden}
  - {name: nowhere, url: "ftp://good", access_key: access, secret_key: hidden}
users: [{name: alice, password: "` + hashOf(t, "secret") + `", storage: object, bucket: files, prefix: "` + prefix + `"}]
`
	}
	o := execute(t, "", nil, "check", "--allow-root", "--config", writeFile(t, "portico.yaml", text("%u/")))
	o.want(t, 1, "ok    bucket files: s3://good", `buckets[1]: cloud: bucket "ftp://good": "ftp" is not a kind of object store`)
	if strings.Contains(o.stdout+o.stderr, "hidden") {
		t.Errorf("the secret key is shown:\n%s", o.stdout)
	}
	o = execute(t, "", nil, "check", "--allow-root", "--config", writeFile(t, "portico.yaml", text("%x/")))
	o.want(t, 1, "users[0].prefix: ", "after % comes u")
	o = execute(t, "", nil, "config", "show", "--config", writeFile(t, "portico.yaml", text("%u/")))
	o.want(t, 0, "secret_key: '********'", "access_key: access")
	if strings.Contains(o.stdout+o.stderr, "hidden") {
		t.Errorf("the secret key is shown:\n%s", o.stdout)
	}
}
