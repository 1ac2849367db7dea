package object_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/object"
)

const (
	stor = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	rest = os.O_WRONLY | os.O_CREATE
	appe = os.O_WRONLY | os.O_CREATE | os.O_APPEND
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// onEachBucket runs a test over buckets of several kinds, as a session sees
// them.
func onEachBucket(t *testing.T, test func(t *testing.T, fs *driver.FS, bucket *blob.Bucket)) {
	t.Helper()
	run := func(name string, open func(t *testing.T) *blob.Bucket) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bucket := open(t)
			t.Cleanup(func() { must(t, bucket.Close()) })
			test(t, session(bucket), bucket)
		})
	}
	run("memory", func(*testing.T) *blob.Bucket { return memblob.OpenBucket(nil) })
	run("files", func(t *testing.T) *blob.Bucket {
		bucket, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true})
		must(t, err)
		return bucket
	})
}

func session(bucket *blob.Bucket) *driver.FS {
	storage := object.New(bucket, object.Options{Prefix: "/ftp"})
	return driver.NewFS(driver.Restrict(driver.NewUploads(storage, "alice", driver.UploadOptions{}), driver.AllPermissions))
}

// send uploads as the engine does and returns what it would report.
func send(fs *driver.FS, name string, flags int, offset int64, content string, cut error) error {
	handle, err := fs.GetHandle(name, flags, offset)
	if err != nil {
		return err
	}
	for part := range 4 {
		if err == nil {
			_, err = io.WriteString(handle, content[len(content)*part/4:len(content)*(part+1)/4])
		}
	}
	if err == nil {
		err = cut
	}
	if err != nil {
		handle.(ftpserver.FileTransferError).TransferError(err)
	}
	return errors.Join(err, handle.Close())
}

func contentOf(fs afero.Fs, name string) string {
	content, err := afero.ReadFile(fs, name)
	if err != nil {
		return "none"
	}
	return string(content)
}

func namesIn(t testing.TB, fs *driver.FS, dir string) string {
	t.Helper()
	infos, err := fs.ReadDir(dir)
	must(t, err)
	var names []string
	for _, info := range infos {
		name := info.Name()
		if info.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func keys(t testing.TB, bucket *blob.Bucket) string {
	t.Helper()
	var all []string
	list := bucket.List(nil)
	for {
		found, err := list.Next(context.Background())
		if errors.Is(err, io.EOF) {
			slices.Sort(all)
			return strings.Join(all, " ")
		}
		must(t, err)
		all = append(all, strings.TrimPrefix(found.Key, "ftp/"))
	}
}

func TestUploadsBecomeObjects(t *testing.T) {
	t.Parallel()
	errCut := errors.New("cut")
	big := strings.Repeat("0123456789abcdef", 1<<16)
	onEachBucket(t, func(t *testing.T, fs *driver.FS, bucket *blob.Bucket) {
		must(t, send(fs, "/dir/file.txt", stor, 0, "old", nil))
		must(t, send(fs, "/dir/file.txt", stor, 0, "new content", nil))
		must(t, send(fs, "/empty", stor, 0, "", nil))
		must(t, send(fs, "/big", stor, 0, big, nil))
		must(t, send(fs, "/appended to nothing", appe, 0, "x", nil))
		for _, content := range []string{"", "half", big} {
			if err := send(fs, "/dir/file.txt", stor, 0, content, errCut); !errors.Is(err, errCut) {
				t.Errorf("a cut upload over a file: %v", err)
			}
			if err := send(fs, "/cut", stor, 0, content, errCut); !errors.Is(err, errCut) {
				t.Errorf("a cut upload: %v", err)
			}
		}
		if got := keys(t, bucket); got != "appended to nothing big dir/file.txt empty" {
			t.Errorf("the bucket holds %q", got)
		}
		for name, want := range map[string]string{"/dir/file.txt": "new content", "/empty": "", "/big": big} {
			if got := contentOf(fs, name); got != want {
				t.Errorf("%s holds %d bytes, want %d", name, len(got), len(want))
			}
		}
		attributes, err := bucket.Attributes(t.Context(), "ftp/dir/file.txt")
		if err != nil || !strings.HasPrefix(attributes.ContentType, "text/plain") {
			t.Errorf("content type %q, %v", attributes.ContentType, err)
		}
	})
}

func TestAnUploadIsNotSeenUntilItIsComplete(t *testing.T) {
	t.Parallel()
	onEachBucket(t, func(t *testing.T, fs *driver.FS, _ *blob.Bucket) {
		must(t, send(fs, "/file", stor, 0, "old", nil))
		handle, err := fs.GetHandle("/file", stor, 0)
		must(t, err)
		_, err = handle.Write(bytes.Repeat([]byte("x"), 1<<20))
		must(t, err)
		if got := contentOf(fs, "/file"); got != "old" {
			t.Errorf("the file holds %d bytes meanwhile", len(got))
		}
		must(t, handle.Close())
		if got := contentOf(fs, "/file"); len(got) != 1<<20 {
			t.Errorf("the file holds %d bytes", len(got))
		}
		if err := handle.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a second Close: %v", err)
		}
	})
}

func TestWhatStoresCannotDoIsRefused(t *testing.T) {
	t.Parallel()
	onEachBucket(t, func(t *testing.T, fs *driver.FS, bucket *blob.Bucket) {
		must(t, send(fs, "/file", stor, 0, "content", nil))
		for what, err := range map[string]error{
			"APPE":       send(fs, "/file", appe, 0, "+", nil),
			"REST":       send(fs, "/file", rest, 7, "+", nil),
			"REST new":   send(fs, "/new", rest, 7, "+", nil),
			"SITE CHMOD": fs.Chmod("/file", 0o600),
			"MFMT":       fs.Chtimes("/file", time.Now(), time.Now()),
		} {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s: %v, want errors.ErrUnsupported", what, err)
			}
		}
		for _, name := range []string{"/\xff", "/" + strings.Repeat("x", 1100), "/dir\n"} {
			for verb, err := range map[string]error{
				"STOR": send(fs, name, stor, 0, "x", nil), "MKD": fs.Mkdir(name, 0), "RNTO": fs.Rename("/file", name),
			} {
				if !errors.Is(err, ftpserver.ErrFileNameNotAllowed) {
					t.Errorf("%s %.10q: %v, want ErrFileNameNotAllowed", verb, name, err)
				}
			}
		}
		if _, err := fs.Stat("/\xff"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("SIZE of an impossible name: %v", err)
		}
		if got := keys(t, bucket); got != "file" {
			t.Errorf("the bucket holds %q", got)
		}
	})
}

func TestDownloadsBeginWhereTheyAreTold(t *testing.T) {
	t.Parallel()
	onEachBucket(t, func(t *testing.T, fs *driver.FS, _ *blob.Bucket) {
		must(t, send(fs, "/file", stor, 0, "0123456789", nil))
		for offset, want := range map[int64]string{0: "0123456789", 4: "456789", 10: "", 99: ""} {
			handle, err := fs.GetHandle("/file", os.O_RDONLY, offset)
			must(t, err)
			_, err = handle.Seek(offset, io.SeekStart)
			must(t, err)
			got, err := io.ReadAll(handle)
			if err := errors.Join(err, handle.Close()); err != nil || string(got) != want {
				t.Errorf("from %d: %q, %v; want %q", offset, got, err, want)
			}
		}
		file, err := fs.Open("/file")
		must(t, err)
		part := make([]byte, 3)
		if n, err := file.ReadAt(part, 8); n != 2 || !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt over the end: %d, %v", n, err)
		}
		if at, err := file.Seek(-3, io.SeekEnd); err != nil || at != 7 {
			t.Errorf("Seek from the end: %d, %v", at, err)
		}
		if _, err := file.Seek(-1, io.SeekStart); err == nil {
			t.Error("Seek before the start")
		}
		// What is replaced meanwhile is not continued with something else.
		must(t, send(fs, "/file", stor, 0, "something else", nil))
		if got, err := io.ReadAll(file); err == nil {
			t.Errorf("read %q of another version", got)
		}
		must(t, file.Close())
	})
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	onEachBucket(t, func(t *testing.T, fs *driver.FS, bucket *blob.Bucket) {
		must(t, fs.Mkdir("/made", 0o755))
		must(t, fs.MkdirAll("/a/b", 0o755))
		must(t, send(fs, "/by file/file", stor, 0, "x", nil))
		must(t, send(fs, "/file", stor, 0, "x", nil))
		must(t, send(fs, "/made.txt", stor, 0, "x", nil)) // sorts before "made/"
		for dir, want := range map[string]string{
			"/": "a/ by file/ file made/ made.txt", "/made": "", "/a": "b/", "/a/b": "", "/by file": "file",
		} {
			if got := namesIn(t, fs, dir); got != want {
				t.Errorf("%s lists %q, want %q", dir, got, want)
			}
			if info, err := fs.Stat(dir); err != nil || !info.IsDir() || info.ModTime().Year() < 2000 {
				t.Errorf("Stat(%q) = %+v, %v", dir, info, err)
			}
		}
		for what, err := range map[string]error{
			"MKD of what is there":     fs.Mkdir("/made", 0),
			"MKD of a file":            fs.Mkdir("/file", 0),
			"MKD below nothing":        fs.Mkdir("/missing/dir", 0),
			"MKD below a file":         fs.Mkdir("/file/dir", 0),
			"SITE MKDIR below a file":  fs.MkdirAll("/file/dir", 0),
			"STOR to a directory":      send(fs, "/made", stor, 0, "x", nil),
			"STOR below a file":        send(fs, "/file/x", stor, 0, "x", nil),
			"RETR of a directory":      send(fs, "/by file", os.O_RDONLY, 0, "", nil),
			"RMD of a file":            fs.RemoveDir("/file"),
			"RMD of a full directory":  fs.RemoveDir("/by file"),
			"RMD of nothing":           fs.RemoveDir("/missing"),
			"RMD of the root":          fs.RemoveDir("/"),
			"SITE RMDIR of the root":   fs.RemoveAll("/"),
			"DELE of nothing":          fs.Remove("/missing"),
			"DELE of a directory":      fs.Remove("/made"),
			"LIST of nothing":          second(fs.ReadDir("/missing")),
			"LIST of a file":           second(fs.ReadDir("/file")),
			"RNTO a directory":         fs.Rename("/file", "/made"),
			"RNFR a directory to one":  fs.Rename("/made", "/a"),
			"RNFR a directory into it": fs.Rename("/a", "/a/b/c"),
			"RNFR nothing":             fs.Rename("/missing", "/new"),
			"RNFR the root":            fs.Rename("/", "/new"),
		} {
			if err == nil {
				t.Errorf("%s worked", what)
			} else if strings.Contains(err.Error(), "ftp/") {
				t.Errorf("%s: %q tells of the bucket", what, err)
			}
		}
		must(t, fs.Remove("/by file/file"))
		if info, err := fs.Stat("/by file"); err != nil || !info.IsDir() {
			t.Errorf("a directory went with its last file: %v", err)
		}
		must(t, fs.RemoveDir("/by file"))
		must(t, fs.RemoveDir("/made"))
		must(t, fs.RemoveAll("/a"))
		if got := keys(t, bucket); got != "file made.txt" {
			t.Errorf("the bucket holds %q", got)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestRenaming(t *testing.T) {
	t.Parallel()
	onEachBucket(t, func(t *testing.T, fs *driver.FS, bucket *blob.Bucket) {
		must(t, send(fs, "/dir/file", stor, 0, "file", nil))
		must(t, send(fs, "/dir/sub/other", stor, 0, "other", nil))
		must(t, fs.Mkdir("/dir/empty", 0))
		must(t, send(fs, "/target", stor, 0, "replaced", nil))
		must(t, fs.Rename("/dir/file", "/target"))
		must(t, fs.Rename("/target", "/target"))
		must(t, fs.Rename("/dir", "/moved"))
		if got := keys(t, bucket); got != "moved/ moved/empty/ moved/sub/other target" {
			t.Errorf("the bucket holds %q", got)
		}
		if got := contentOf(fs, "/target") + contentOf(fs, "/moved/sub/other"); got != "fileother" {
			t.Errorf("the files hold %q", got)
		}
		keeper := driver.NewFS(driver.Restrict(fs.Fs, driver.CanWrite|driver.CanRename))
		must(t, send(fs, "/new", stor, 0, "new", nil))
		for verb, err := range map[string]error{"RNTO": keeper.Rename("/new", "/target"), "STOR": send(keeper, "/target", stor, 0, "x", nil)} {
			if !errors.Is(err, os.ErrPermission) {
				t.Errorf("%s over a file: %v, want os.ErrPermission", verb, err)
			}
		}
		must(t, send(keeper, "/newer", stor, 0, "x", nil))
	})
}

func TestListingsOfManyPages(t *testing.T) {
	t.Parallel()
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { must(t, bucket.Close()) })
	fs := session(bucket)
	const many = 2345
	for i := range many {
		must(t, bucket.WriteAll(t.Context(), fmt.Sprintf("ftp/dir/%05d", i), nil, nil))
	}
	entries, err := fs.ReadDir("/dir")
	if err != nil || len(entries) != many || entries[many-1].Name() != "02344" {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	dir, err := fs.Open("/dir")
	must(t, err)
	total := 0
	for {
		names, err := dir.Readdirnames(700)
		total += len(names)
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
	}
	must(t, dir.Close())
	if total != many {
		t.Errorf("%d entries in portions", total)
	}
	must(t, fs.RemoveAll("/dir"))
	if got := keys(t, bucket); got != "" {
		t.Errorf("%d bytes of keys are left", len(got))
	}
}

func TestAWholeBucket(t *testing.T) {
	t.Parallel()
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { must(t, bucket.Close()) })
	must(t, bucket.WriteAll(t.Context(), "a//b", []byte("two slashes"), nil))
	must(t, bucket.WriteAll(t.Context(), "/c", []byte("a slash first"), nil))
	must(t, bucket.WriteAll(t.Context(), "file", []byte("x"), nil))
	fs := driver.NewFS(object.New(bucket, object.Options{Timeout: -1}))
	if got := namesIn(t, fs, "/"); got != "a/ file" {
		t.Errorf("the bucket lists %q", got)
	}
	if got := namesIn(t, fs, "/a"); got != "" {
		t.Errorf("/a lists %q", got)
	}
}
