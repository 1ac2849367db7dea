package cloud_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/object"
	"github.com/portico-ftp/portico/driver/object/cloud"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesWrongAddresses(t *testing.T) {
	t.Parallel()
	for address, says := range map[string]string{
		"":                          "not a kind of object store",
		"my-bucket":                 "not a kind of object store",
		"file:///tmp":               "s3, gs, azblob",
		"s3://":                     "has no name",
		"s3://key:secret@my-bucket": "holds no password",
		"s3://%zz":                  "not the address of a bucket",
		"s3://my-bucket?nonsense=1": "nonsense",
	} {
		bucket, err := cloud.Open(t.Context(), address, object.Options{})
		if err == nil {
			must(t, bucket.Close())
		}
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) = %v, want %q", address, err, says)
		}
	}
}

// onS3 returns what a session sees of the bucket of a real S3 server that the
// environment names, through a proxy that fails when the test wants it. The
// bucket must exist, and the keys be in the environment.
func onS3(t *testing.T) (fs *driver.FS, endpoint string, failures *atomic.Int32) {
	t.Helper()
	endpoint = os.Getenv("PORTICO_TEST_S3")
	if endpoint == "" {
		t.Skip("PORTICO_TEST_S3 names no S3 server, such as http://127.0.0.1:7070/my-bucket")
	}
	target, err := url.Parse(endpoint)
	must(t, err)
	failures = &atomic.Int32{}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: target.Scheme, Host: target.Host})
		r.Out.Host = r.In.Host // it is signed
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failures.Add(-1) >= 0 {
			http.Error(w, "slow down", http.StatusServiceUnavailable)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	address := "s3:/" + target.Path + "?region=us-east-1&use_path_style=true&endpoint=" + proxy.URL
	storage, err := cloud.Open(t.Context(), address, object.Options{Prefix: t.Name()})
	must(t, err)
	t.Cleanup(func() { must(t, storage.Close()) })
	entries, err := afero.ReadDir(storage, "/")
	must(t, err)
	for _, left := range entries { // by a run that failed
		must(t, storage.RemoveAll("/"+left.Name()))
	}
	return driver.NewFS(driver.Restrict(driver.NewUploads(storage, "alice", driver.UploadOptions{}), driver.AllPermissions)), endpoint, failures
}

const stor = os.O_WRONLY | os.O_CREATE | os.O_TRUNC

func send(fs *driver.FS, name string, content io.Reader, cut error) error {
	handle, err := fs.GetHandle(name, stor, 0)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{handle}, struct{ io.Reader }{content}, make([]byte, 256<<10))
	if err == nil {
		err = cut
	}
	if err != nil {
		handle.(ftpserver.FileTransferError).TransferError(err)
	}
	return errors.Join(err, handle.Close())
}

func TestS3(t *testing.T) {
	fs, endpoint, failures := onS3(t)
	big := make([]byte, 20<<20)
	_, _ = rand.Read(big) // never fails
	must(t, fs.MkdirAll("/dir/sub", 0o755))
	must(t, send(fs, "/dir/grüße aus 東京.bin", bytes.NewReader(big), nil))
	must(t, send(fs, "/dir/empty", bytes.NewReader(nil), nil))
	for _, cut := range []int{0, 1000, 6 << 20, len(big)} {
		if err := send(fs, "/dir/cut", bytes.NewReader(big[:cut]), io.ErrUnexpectedEOF); err == nil {
			t.Error("a cut upload was called complete")
		}
	}
	if parts := unfinished(t, endpoint, t.Name()); parts != 0 {
		t.Errorf("%d cut uploads are still in the store, unseen", parts)
	}
	failures.Store(2)
	must(t, fs.Rename("/dir/grüße aus 東京.bin", "/dir/sub/moved"))
	entries, err := fs.ReadDir("/dir")
	if err != nil || len(entries) != 2 || entries[0].Name() != "empty" || !entries[1].IsDir() {
		t.Errorf("the listing shows %v, %v", entries, err)
	}
	failures.Store(2)
	if got, err := afero.ReadFile(fs, "/dir/sub/moved"); err != nil || !bytes.Equal(got, big) {
		t.Errorf("read back %d bytes, %v", len(got), err)
	}
	handle, err := fs.GetHandle("/dir/sub/moved", os.O_RDONLY, 1<<20)
	must(t, err)
	_, err = handle.Seek(19<<20, io.SeekStart)
	must(t, err)
	rest, err := io.ReadAll(handle)
	if err := errors.Join(err, handle.Close()); err != nil || !bytes.Equal(rest, big[19<<20:]) {
		t.Errorf("the rest has %d bytes, %v", len(rest), err)
	}
	must(t, fs.Rename("/dir", "/renamed"))
	must(t, fs.Remove("/renamed/sub/moved"))
	must(t, fs.RemoveDir("/renamed/sub"))
	must(t, fs.RemoveAll("/renamed"))
	if entries, err := fs.ReadDir("/"); err != nil || len(entries) != 0 {
		t.Errorf("%d entries are left, %v", len(entries), err)
	}
}

// unfinished counts the uploads in parts that a bucket holds behind a prefix.
func unfinished(t *testing.T, endpoint, prefix string) int {
	t.Helper()
	target, err := url.Parse(endpoint)
	must(t, err)
	settings, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"))
	must(t, err)
	client := s3.NewFromConfig(settings, func(o *s3.Options) {
		o.UsePathStyle = true
		o.BaseEndpoint = aws.String(target.Scheme + "://" + target.Host)
	})
	list, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{
		Bucket: aws.String(strings.TrimPrefix(target.Path, "/")), Prefix: aws.String(prefix),
	})
	must(t, err)
	return len(list.Uploads)
}

// TestS3WithoutOverwriting needs a server that knows conditional writes.
func TestS3WithoutOverwriting(t *testing.T) {
	fs, _, _ := onS3(t)
	box := driver.NewFS(driver.Restrict(fs.Fs, driver.CanWrite))
	first, err := box.GetHandle("/file", stor, 0)
	must(t, err)
	must(t, send(box, "/file", strings.NewReader("second"), nil))
	_, err = first.Write([]byte("first"))
	if err = errors.Join(err, first.Close()); !errors.Is(err, os.ErrExist) {
		t.Errorf("the later upload: %v, want os.ErrExist", err)
	}
	if got, err := afero.ReadFile(fs, "/file"); err != nil || string(got) != "second" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	must(t, fs.Remove("/file"))
}

// TestS3Memory uploads 1 GiB. The heap stands for the memory: the server is
// another process, the client is this one.
func TestS3Memory(t *testing.T) {
	if testing.Short() {
		t.Skip("1 GiB takes a while")
	}
	fs, _, _ := onS3(t)
	before := memory()
	var most atomic.Uint64
	watched := readerFunc(func(p []byte) (int, error) {
		if now := memory(); now > most.Load() {
			most.Store(now)
		}
		return len(p), nil
	})
	must(t, send(fs, "/big", io.LimitReader(watched, 1<<30), nil))
	grown := int64(most.Load()) - int64(before)
	t.Logf("1 GiB: memory taken from the system grew by %d MiB", grown>>20)
	if grown > 64<<20 {
		t.Errorf("memory grew by %d MiB, want 64 at most", grown>>20)
	}
	must(t, fs.Remove("/big"))
}

func memory() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Sys - stats.HeapReleased
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
