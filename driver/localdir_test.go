package driver_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-ftp/portico/driver"
)

// listedHome returns a Local on a home of so many entries, every tenth a
// directory or a link.
func listedHome(t *testing.T, entries int) (local *driver.Local, home string) {
	t.Helper()
	home = t.TempDir()
	for _, i := range rand.Perm(entries) {
		path := filepath.Join(home, fmt.Sprintf("%05d", i))
		switch i % 20 {
		case 0:
			must(t, os.Mkdir(path, 0o750))
		case 10:
			must(t, os.Symlink("00000", path))
		default:
			must(t, os.WriteFile(path, []byte(strings.Repeat("x", i)), 0o640))
			must(t, os.Chtimes(path, time.Time{}, time.Unix(int64(i)*1000, int64(i))))
		}
	}
	root, err := os.OpenRoot(home)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return driver.NewLocal(root), home
}

func TestDirectoryIsReadAsTheSystemKnowsIt(t *testing.T) {
	t.Parallel()
	for _, entries := range []int{0, 1, 255, 256, 257, 3000} {
		t.Run(fmt.Sprint(entries, " entries"), func(t *testing.T) {
			t.Parallel()
			local, home := listedHome(t, entries)
			want, err := os.ReadDir(home)
			must(t, err)
			dir, err := local.Open("/")
			must(t, err)
			got, err := dir.Readdir(-1)
			must(t, errors.Join(err, dir.Close()))
			if len(got) != len(want) {
				t.Fatalf("got %d entries, want %d", len(got), len(want))
			}
			for i, entry := range want {
				info, err := entry.Info()
				must(t, err)
				if fs.FormatFileInfo(got[i]) != fs.FormatFileInfo(info) || !got[i].ModTime().Equal(info.ModTime()) || got[i].IsDir() != info.IsDir() {
					t.Errorf("got %v, want %v", got[i], info)
				}
			}
		})
	}
}

func TestDirectoryIsReadBitByBit(t *testing.T) {
	t.Parallel()
	local, _ := listedHome(t, 600)
	dir, err := local.Open("/")
	must(t, err)
	some, err := dir.Readdir(7)
	must(t, err)
	rest, err := dir.Readdir(-1)
	must(t, errors.Join(err, dir.Close()))
	var names []string
	for _, info := range append(some, rest...) {
		names = append(names, info.Name())
	}
	slices.Sort(names)
	if len(some) != 7 || len(slices.Compact(names)) != 600 {
		t.Errorf("%d entries, then %d, %d different ones, want 600", len(some), len(rest), len(slices.Compact(names)))
	}
}

func TestReadingADirectoryFails(t *testing.T) {
	t.Parallel()
	local, home := listedHome(t, 600)
	file, err := local.Open("/00001")
	must(t, err)
	if _, err := file.Readdir(-1); err == nil {
		t.Error("a file is read as a directory")
	}
	must(t, file.Close())
	if _, err := file.Readdir(-1); err == nil {
		t.Error("a closed file is read")
	}
	if os.Geteuid() == 0 {
		return // whom no permission stops
	}
	must(t, os.Chmod(home, 0o400)) // names can be read, and nothing else be known
	t.Cleanup(func() { must(t, os.Chmod(home, 0o700)) })
	if _, err := driver.NewFS(local).ReadDir("/"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a directory that may not be searched: got %v, want %v", err, os.ErrPermission)
	}
}

// Entries that come and go while the directory is read are listed or not; none
// of the others is missing, and nothing fails.
func TestDirectoryIsReadWhileItChanges(t *testing.T) {
	t.Parallel()
	local, home := listedHome(t, 1000)
	stop, files := make(chan struct{}), driver.NewFS(local)
	var others sync.WaitGroup
	others.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			path := filepath.Join(home, fmt.Sprintf("fleeting-%d", i%50))
			_ = os.WriteFile(path, nil, 0o600)
			if i >= 25 {
				_ = os.Remove(filepath.Join(home, fmt.Sprintf("fleeting-%d", (i-25)%50)))
			}
		}
	})
	defer others.Wait()
	defer close(stop)
	for range 50 {
		entries, err := files.ReadDir("/")
		must(t, err)
		lasting := slices.DeleteFunc(entries, func(info os.FileInfo) bool { return strings.HasPrefix(info.Name(), "fleeting-") })
		if len(lasting) != 1000 {
			t.Fatalf("%d entries of 1000", len(lasting))
		}
	}
}

func TestNamesAloneAreThoseOfTheDirectory(t *testing.T) {
	t.Parallel()
	local, _ := listedHome(t, 3000)
	files := driver.NewFS(driver.NewUploads(local, "alice", driver.UploadOptions{}))
	running, err := files.GetHandle("/running", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0)
	must(t, err)
	want, err := files.ReadDir("/")
	must(t, err)
	got, err := files.ReadNames("/")
	must(t, errors.Join(err, running.Close()))
	name := func(info os.FileInfo) string { return info.Name() }
	if len(want) != 3000 || !slices.EqualFunc(got, want, func(a, b os.FileInfo) bool { return name(a) == name(b) }) {
		t.Errorf("%d names, want those of the %d entries", len(got), len(want))
	}
	if _, err := files.ReadNames("/00001"); err == nil {
		t.Error("a file is read as a directory")
	}
	if _, err := files.ReadNames("/absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}
