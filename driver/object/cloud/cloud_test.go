package cloud_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/object"
	"github.com/portico-ftp/portico/driver/object/cloud"
	"github.com/portico-ftp/portico/e2e/s3server"
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
		bucket, err := cloud.Open(t.Context(), address, cloud.Options{})
		if err == nil {
			must(t, bucket.Close())
		}
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) = %v, want %q", address, err, says)
		}
	}
}

// onS3 returns what a session sees of a bucket at a real S3 server, through a
// proxy that fails when the test wants it.
func onS3(t *testing.T) (*driver.FS, *s3server.Server, *s3server.Proxy) {
	t.Helper()
	server := s3server.Need(t)
	proxy := s3server.NeedProxy(t, server)
	storage := openOn(t, server.URL(proxy.URL), cloud.Options{
		Options:   object.Options{Prefix: t.Name()},
		AccessKey: server.AccessKey, SecretKey: server.SecretKey,
	})
	return driver.NewFS(driver.Restrict(driver.NewUploads(storage, "alice", driver.UploadOptions{}), driver.AllPermissions)), server, proxy
}

func openOn(t *testing.T, address string, opts cloud.Options) *cloud.Storage {
	t.Helper()
	storage, err := cloud.Open(t.Context(), address, opts)
	must(t, err)
	t.Cleanup(func() { must(t, storage.Close()) })
	return storage
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
	t.Parallel()
	fs, server, proxy := onS3(t)
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
	if parts, err := server.Unfinished(t.Context(), t.Name()); err != nil || parts != 0 {
		t.Errorf("%d cut uploads are still in the store, unseen, %v", parts, err)
	}
	proxy.Failures.Store(2)
	must(t, fs.Rename("/dir/grüße aus 東京.bin", "/dir/sub/moved"))
	entries, err := fs.ReadDir("/dir")
	if err != nil || len(entries) != 2 || entries[0].Name() != "empty" || !entries[1].IsDir() {
		t.Errorf("the listing shows %v, %v", entries, err)
	}
	proxy.Failures.Store(2)
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

// TestS3WithoutOverwriting needs a server that knows conditional writes.
func TestS3WithoutOverwriting(t *testing.T) {
	t.Parallel()
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
