package timing_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/timing"
)

// Every operation is told once, with its error.
func TestOperations(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		do     func(afero.Fs) error
		want   timing.Operation
		failed bool
	}{
		"open":            {func(fs afero.Fs) error { _, err := fs.Open("/f"); return err }, timing.Open, false},
		"open for read":   {func(fs afero.Fs) error { _, err := fs.OpenFile("/f", os.O_RDONLY, 0); return err }, timing.Open, false},
		"open for write":  {func(fs afero.Fs) error { _, err := fs.OpenFile("/f", os.O_WRONLY, 0); return err }, timing.Create, false},
		"create":          {func(fs afero.Fs) error { _, err := fs.Create("/new"); return err }, timing.Create, false},
		"stat":            {func(fs afero.Fs) error { _, err := fs.Stat("/none"); return err }, timing.Stat, true},
		"lstat":           {func(fs afero.Fs) error { _, err := driver.Lstat(fs, "/f"); return err }, timing.Stat, false},
		"upload size":     {func(fs afero.Fs) error { _, err := driver.UploadSize(fs, "/f"); return err }, timing.Stat, false},
		"mkdir":           {func(fs afero.Fs) error { return fs.Mkdir("/d", 0o700) }, timing.Mkdir, false},
		"mkdir all":       {func(fs afero.Fs) error { return fs.MkdirAll("/d/e", 0o700) }, timing.Mkdir, false},
		"remove":          {func(fs afero.Fs) error { return fs.Remove("/f") }, timing.Remove, false},
		"remove all":      {func(fs afero.Fs) error { return fs.RemoveAll("/f") }, timing.Remove, false},
		"remove dir":      {func(fs afero.Fs) error { return driver.RemoveDir(fs, "/f") }, timing.Remove, true},
		"rename":          {func(fs afero.Fs) error { return fs.Rename("/f", "/g") }, timing.Rename, false},
		"rename no repl.": {func(fs afero.Fs) error { return driver.RenameNoReplace(fs, "/f", "/f") }, timing.Rename, true},
		"chmod":           {func(fs afero.Fs) error { return fs.Chmod("/f", 0o600) }, timing.Change, false},
		"chtimes":         {func(fs afero.Fs) error { return fs.Chtimes("/f", time.Now(), time.Now()) }, timing.Change, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storage := local(t)
			var told []timing.Operation
			fs := timing.Layer(storage, func(op timing.Operation, took time.Duration, err error) {
				if told = append(told, op); took < 0 || (err != nil) != test.failed {
					t.Errorf("told of %v that took %v: %v", op, took, err)
				}
			})
			if err := test.do(fs); (err != nil) != test.failed {
				t.Fatalf("got %v, want a failure: %v", err, test.failed)
			}
			if !slices.Equal(told, []timing.Operation{test.want}) {
				t.Errorf("told of %v, want %v", told, test.want)
			}
		})
	}
}

func local(t *testing.T) afero.Fs {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	fs := driver.NewLocal(root)
	if err := afero.WriteFile(fs, "/f", []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	return fs
}

// What the storage can do beside can be done through the layer, and what it
// cannot is not promised.
func TestPowersPassThrough(t *testing.T) {
	t.Parallel()
	ignore := func(timing.Operation, time.Duration, error) {}
	fs := timing.Layer(local(t), ignore)
	if space, err := driver.AvailableSpace(fs, "/"); err != nil || space == 0 {
		t.Errorf("got %d bytes and %v of space", space, err)
	}
	if err := driver.CheckWrite(fs, "/f"); err != nil {
		t.Error(err)
	}
	if path, err := driver.DiskPath(fs, "/f"); err != nil || path == "" {
		t.Errorf("got the path %q and %v", path, err)
	}
	file, err := fs.Open("/f")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if driver.OSFile(file) == nil {
		t.Error("the operating system's file is hidden, so the kernel could not copy it")
	}
	if _, ok := fs.(driver.Uploader); ok {
		t.Error("local files claim to take uploads in their own way")
	}
	uploads := timing.Layer(uploader{afero.NewMemMapFs()}, ignore)
	if file, err := driver.OpenUpload(uploads, "/f", 0, 0); err != nil || file.Name() != "of the uploader" {
		t.Errorf("got %v and %v, want the uploader's own file", file, err)
	}
}

type uploader struct{ afero.Fs }

func (u uploader) OpenUpload(string, int, int64) (afero.File, error) {
	return u.Fs.Create("of the uploader")
}

func TestNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, op := range timing.Operations() {
		if seen[op.String()] || op.String() == "unknown" {
			t.Errorf("operation %d is called %v", op, op)
		}
		seen[op.String()] = true
	}
	if got := timing.Operation(200).String(); got != "unknown" {
		t.Errorf("got %q, want unknown", got)
	}
}
