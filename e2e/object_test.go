//go:build unix

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/portico-ftp/portico/e2e/s3server"
)

// bucketSite is a site whose user is at home in a bucket of a real S3 server.
type bucketSite struct {
	*site
	store *s3server.Server
	proxy *s3server.Proxy // between the two
	files *s3.Client
}

func newBucketSite(t *testing.T) *bucketSite {
	t.Helper()
	store := s3server.Need(t)
	s := &bucketSite{site: newSite(t), store: store, proxy: s3server.NeedProxy(t, store), files: store.Client(store.Endpoint)}
	s.set("buckets", []any{map[string]any{
		"name": "files", "url": store.URL(s.proxy.URL), "access_key": store.AccessKey, "secret_key": store.SecretKey,
	}})
	for key, value := range map[string]any{"home": "", "storage": "object", "bucket": "files", "prefix": "ftp/%u/"} {
		s.set("users.0."+key, value)
	}
	return s
}

// start starts a server whose log must show neither the key of the store nor
// lines that are not its own.
func (s *bucketSite) start() *process {
	s.t.Helper()
	p := s.site.start()
	s.t.Cleanup(func() {
		for _, banned := range []string{s.store.SecretKey, "SDK "} {
			if strings.Contains(p.log.String(), banned) {
				s.t.Errorf("the log shows %q", banned)
			}
		}
	})
	return p
}

func (s *bucketSite) route() endpoint {
	return s.endpoint(route{epsv, plain, "127.0.0.1"}, s.t.TempDir())
}

// key is the key of a user's file.
func key(user, remote string) *string { return aws.String("ftp/" + user + remote) }

// provide puts an object into the store behind the server's back.
func (s *bucketSite) provide(ctx context.Context, user, remote, content string) error {
	_, err := s.files.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(s3server.Bucket), Key: key(user, remote), Body: strings.NewReader(content)})
	return err
}

func (s *bucketSite) provideOldObject(t *testing.T, remote string) {
	t.Helper()
	if err := s.provide(t.Context(), userName, remote, oldContent); err != nil {
		t.Fatal(err)
	}
}

// object returns what the store has, and whether it has anything.
func (s *bucketSite) object(t *testing.T, remote string) (string, bool) {
	t.Helper()
	found, err := s.files.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(s3server.Bucket), Key: key(userName, remote)})
	if _, missing := errors.AsType[*types.NoSuchKey](err); missing {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer found.Body.Close()
	content, err := io.ReadAll(found.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content), true
}

func (s *bucketSite) wantObject(t *testing.T, remote, want string) {
	t.Helper()
	if got, found := s.object(t, remote); !found || got != want {
		t.Errorf("%s holds %d bytes (%v), want %d others", remote, len(got), found, len(want))
	}
}

// unfinished is the number of uploads that the store holds parts of.
func (s *bucketSite) unfinished(t *testing.T) int {
	t.Helper()
	n, err := s.store.Unfinished(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestObjectStorageWithRealClients(t *testing.T) {
	t.Parallel()
	s := newBucketSite(t)
	s.start()
	for name, connect := range map[string]connector{
		"curl":    func(t *testing.T, e endpoint) client { return &curl{t: t, endpoint: e} },
		"lftp":    func(t *testing.T, e endpoint) client { return newLftp(t, e) },
		"python3": func(t *testing.T, e endpoint) client { return startPython(t, e) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need(t, name)
			exerciseBucket(t, s, connect(t, s.route()), "/"+name)
		})
	}
}

// exerciseBucket takes a client through what can be done in a bucket.
func exerciseBucket(t *testing.T, s *bucketSite, c client, dir string) {
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, c.trace())
		}
	}
	scratch, file := t.TempDir(), newSample(t, 20<<20+1) // in three parts
	content, err := os.ReadFile(file.path)
	must("read the sample", err)
	must("make a directory", c.makeDir(dir))
	must("make a directory below", c.makeDir(dir+"/sub"))
	must("upload", c.put(file.path, dir+"/grüße.bin"))
	s.wantObject(t, dir+"/grüße.bin", string(content))
	must("download", c.get(dir+"/grüße.bin", filepath.Join(scratch, "whole")))
	file.check(t, "downloaded file", filepath.Join(scratch, "whole"))
	file.head(t, filepath.Join(scratch, "half"), file.size/2)
	must("download the rest", c.resumeGet(dir+"/grüße.bin", filepath.Join(scratch, "half")))
	file.check(t, "download that went on", filepath.Join(scratch, "half"))

	list, err := c.list(dir)
	must("list", err)
	if !strings.Contains(list, "20971521") || !strings.Contains(list, "sub") {
		t.Errorf("LIST shows\n%s", list)
	}
	facts, err := c.facts(dir)
	slices.Sort(facts)
	if must("list facts", err); !slices.Equal(facts, []string{"grüße.bin", "sub"}) {
		t.Errorf("MLSD shows %q", facts)
	}
	must("rename", c.rename(dir+"/grüße.bin", dir+"/sub/moved"))
	s.wantObject(t, dir+"/sub/moved", string(content))
	if _, found := s.object(t, dir+"/grüße.bin"); found {
		t.Error("the old name is still there")
	}
	if c.removeDir(dir+"/sub") == nil {
		t.Error("a directory with a file in it was removed")
	}
	must("rename a directory", c.rename(dir+"/sub", dir+"/other"))
	must("delete", c.remove(dir+"/other/moved"))
	if _, found := s.object(t, dir+"/other/moved"); found {
		t.Error("the deleted file is still there")
	}
	must("remove a directory", c.removeDir(dir+"/other"))
	if names, err := c.facts(dir); err != nil || len(names) != 0 {
		t.Errorf("%q is left, %v", names, err)
	}
}

func TestLargeListingsOfABucket(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	const files = 2100 // in three pages
	s := newBucketSite(t)
	s.start()
	var all errgroup.Group
	all.SetLimit(20)
	want := make([]string, files)
	for i := range files {
		want[i] = fmt.Sprintf("file-%04d", i)
		all.Go(func() error { return s.provide(t.Context(), userName, "/many/"+want[i], "x") })
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	c := &curl{t: t, endpoint: s.route()}
	for verb, list := range map[string]func(string) ([]string, error){"NLST": c.names, "MLSD": c.facts} {
		got, err := list("/many")
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s shows %d names (%v), want %d", verb, len(got), err, files)
		}
	}
}

func TestObjectsAreNotAddedTo(t *testing.T) {
	t.Parallel()
	s := newBucketSite(t)
	s.start()
	s.provideOldObject(t, "/file")
	r := dialRaw(t, s.controlAddress())
	r.login()
	for _, commands := range [][]string{{"APPE /file"}, {"REST 5", "STOR /file"}, {"REST 5", "STOR /new"}, {"SITE CHMOD 600 /file"}, {"MFMT 20200101000000 /file"}} {
		_ = r.data(r.epsv())
		for _, command := range commands[:len(commands)-1] {
			r.send("%s", command)
			r.expect(350)
		}
		r.send("%s", commands[len(commands)-1])
		code, text, err := r.reply()
		if err != nil || code < 500 || strings.Contains(text, "object") || strings.Contains(text, "unsupported") {
			t.Errorf("%q: reply %d %s, %v, want a clear 5xx", commands, code, text, err)
		}
		if commands[0] == "APPE /file" && !strings.Contains(text, "from its start") {
			t.Errorf("%q: reply %d %s, want it to say what to do", commands, code, text)
		}
	}
	s.wantObject(t, "/file", oldContent)
	if _, found := s.object(t, "/new"); found {
		t.Error("REST beyond nothing has made an object")
	}
	conn := r.data(r.epsv())
	r.send("APPE /new") // which begins it
	r.expect(150)
	_, _ = io.WriteString(conn, "new")
	_ = conn.Close()
	r.expect(226)
	s.wantObject(t, "/new", "new")
}

func TestInterruptedUploadsLeaveNoObject(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	s := newBucketSite(t)
	s.start()
	s.provideOldObject(t, "/old")
	part := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // two parts of 8 MiB
	ways := map[string]func(remote string){
		"ABOR": func(remote string) {
			r := dialRaw(t, s.controlAddress())
			r.login()
			conn := r.stor(remote)
			s.sendAndWait(t, conn, part)
			r.send("ABOR")
			r.expect(426)
			r.expect(226)
		},
		"reset": func(remote string) {
			r := dialRaw(t, s.controlAddress())
			r.login()
			conn := r.stor(remote)
			s.sendAndWait(t, conn, part)
			reset(t, conn)
			r.expect(426)
		},
		"the client is gone": func(remote string) {
			r := dialRaw(t, s.controlAddress())
			r.login()
			conn := r.stor(remote)
			s.sendAndWait(t, conn, part)
			_ = r.conn.Close()
			_ = conn.Close()
		},
		"the client is killed": func(remote string) {
			file := newSample(t, 40<<20)
			c := &curl{t: t, endpoint: s.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir())}
			args := append([]string{"--disable"}, c.options()...)
			cmd := exec.Command("curl", append(args, "--limit-rate", "10M", "-T", file.path, c.url(remote))...)
			cmd.Env, cmd.Dir = cleanEnvironment(c.scratch), c.scratch
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			s.awaitParts(t)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		},
	}
	for way, interrupt := range ways {
		for _, remote := range []string{"/old", "/new"} {
			interrupt(remote)
			eventually(t, 30*time.Second, way+": the store has forgotten the parts", func() bool { return s.unfinished(t) == 0 })
			if _, found := s.object(t, "/new"); found {
				t.Errorf("%s: half an object is there", way)
			}
			s.wantObject(t, "/old", oldContent)
		}
	}
}

// sendAndWait sends the beginning of an upload, of which the store has parts
// then.
func (s *bucketSite) sendAndWait(t *testing.T, to io.Writer, beginning []byte) {
	t.Helper()
	if _, err := to.Write(beginning); err != nil {
		t.Fatal(err)
	}
	s.awaitParts(t)
}

func (s *bucketSite) awaitParts(t *testing.T) {
	t.Helper()
	eventually(t, 60*time.Second, "the store has parts of the upload", func() bool { return s.unfinished(t) > 0 })
}

func TestStoreThatFailsForAWhile(t *testing.T) {
	t.Parallel()
	s := newBucketSite(t)
	s.proxy.Failures.Store(math.MaxInt64) // it is down when the server starts
	p := s.start()
	eventually(t, 60*time.Second, "the log tells", func() bool { return strings.Contains(p.log.String(), "a bucket cannot be used") })
	s.provideOldObject(t, "/file")
	r := dialRaw(t, s.controlAddress())
	r.login()
	refused := func(what string) {
		t.Helper()
		if code, text, err := r.reply(); err != nil || code < 400 {
			t.Errorf("%s: reply %d %s, %v, want a refusal", what, code, text, err)
		}
	}
	conn := r.data(r.epsv())
	r.send("STOR /file")
	refused("STOR")
	_ = conn.Close()
	r.send("DELE /file")
	refused("DELE")
	r.send("RNFR /file")
	refused("RNFR")

	s.proxy.Failures.Store(0) // it recovers, and the session has survived
	conn = r.stor("/file")
	_, _ = io.WriteString(conn, "new content")
	s.proxy.Failures.Store(1) // one more, which is tried again
	_ = conn.Close()
	r.expect(226)
	s.wantObject(t, "/file", "new content")

	conn = r.stor("/file")
	_, _ = io.WriteString(conn, "newer content")
	s.proxy.Failures.Store(math.MaxInt64) // it fails at the last moment
	_ = conn.Close()
	refused("the end of STOR")
	s.proxy.Failures.Store(0)
	s.wantObject(t, "/file", "new content")
	if n := s.unfinished(t); n != 0 {
		t.Errorf("%d uploads have left parts", n)
	}
}

// The group has the bucket, as many users will have it.
func TestUsersOfOneBucketAreApart(t *testing.T) {
	t.Parallel()
	s := newBucketSite(t)
	s.set("groups", []any{map[string]any{"name": "all", "storage": "object", "bucket": "files", "prefix": "ftp/%u"}})
	s.set("users.0", map[string]any{"name": userName, "password": suite.hash, "groups": []any{"all"}})
	s.start()
	if err := s.provide(t.Context(), "bob", "/secret", secretText); err != nil {
		t.Fatal(err)
	}
	s.provideOldObject(t, "/file")
	r := dialRaw(t, s.controlAddress())
	r.login()
	for _, path := range []string{"/../bob/secret", "../bob/secret", "/ftp/bob/secret", "//../bob/secret"} {
		conn := r.data(r.epsv())
		r.send("RETR %s", path)
		if code, text, err := r.reply(); err != nil || code < 400 {
			t.Errorf("RETR %s: reply %d %s, %v", path, code, text, err)
		}
		_ = conn.Close()
	}
	if list := r.list(); !strings.Contains(list, "file") || strings.Contains(list, "bob") {
		t.Errorf("the root lists\n%s", list)
	}
}
