package driver_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// tree is a home with a read-only /pub, a drop box /in, and a mount whose
// directory the home does not have.
type tree struct {
	home, pub, in, deep afero.Fs
	fs                  *driver.FS
}

func newTree(t *testing.T) *tree {
	t.Helper()
	local, _ := newJail(t)
	tree := &tree{home: local, pub: afero.NewMemMapFs(), in: afero.NewMemMapFs(), deep: afero.NewMemMapFs()}
	must(t, afero.WriteFile(tree.home, "/mine", []byte("mine"), 0o644))
	must(t, afero.WriteFile(tree.home, "/in", []byte("covered by a mount"), 0o644))
	must(t, afero.WriteFile(tree.pub, "/dir/read me", []byte("read me"), 0o644))
	must(t, afero.WriteFile(tree.in, "/sent", []byte("sent"), 0o644))
	must(t, afero.WriteFile(tree.deep, "/deep", []byte("deep"), 0o644))
	atomic := func(fs afero.Fs) afero.Fs { return driver.NewUploads(fs, "alice", driver.UploadOptions{}) }
	mounts, err := driver.NewMounts([]driver.Mount{
		{Path: "/pub", FS: tree.pub, Permissions: driver.ReadOnly},
		{Path: "/", FS: atomic(tree.home), Permissions: driver.AllPermissions},
		{Path: "/in", FS: atomic(tree.in), Permissions: driver.CanWrite},
		{Path: "/a/b/deep", FS: atomic(tree.deep), Permissions: driver.AllPermissions},
	})
	must(t, err)
	tree.fs = driver.NewFS(mounts)
	return tree
}

func TestMountsShowOneTree(t *testing.T) {
	t.Parallel()
	tree := newTree(t)
	for dir, want := range map[string]string{
		"/": "a in mine pub sub", "/pub": "dir", "/pub/dir": "read me", "/a": "b", "/a/b": "deep", "/a/b/deep": "deep", "/sub": "inside",
	} {
		if got := namesIn(t, tree.fs, dir); got != want {
			t.Errorf("%s lists %q, want %q", dir, got, want)
		}
		names, err := tree.fs.ReadNames(dir)
		must(t, err)
		if got := joined(names); got != want {
			t.Errorf("the names alone of %s are %q, want %q", dir, got, want)
		}
		if info, err := tree.fs.Stat(dir); err != nil || !info.IsDir() {
			t.Errorf("Stat(%q) = %v", dir, err)
		}
	}
	for name, want := range map[string]string{"/mine": "mine", "/pub/dir/read me": "read me", "/a/b/deep/deep": "deep", "/pub/../mine": "mine"} {
		if got := contentOf(tree.fs, name); got != want {
			t.Errorf("%s holds %q", name, got)
		}
	}
	if _, err := tree.fs.ReadDir("/in"); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "/in") {
		t.Errorf("LIST of the drop box: %v", err)
	}
	if _, err := tree.fs.Stat("/pub/missing"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/pub/missing") {
		t.Errorf("SIZE of nothing: %v", err)
	}
}

func joined(entries []os.FileInfo) string {
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return strings.Join(names, " ")
}

func TestMountsAreListedInPortionsToo(t *testing.T) {
	t.Parallel()
	tree := newTree(t)
	for _, count := range []int{1, 2, 3, 100} {
		dir, err := tree.fs.Open("/")
		must(t, err)
		var names []string
		for {
			some, err := dir.Readdirnames(count)
			names = append(names, some...)
			if errors.Is(err, io.EOF) {
				break
			}
			must(t, err)
			if len(some) == 0 || len(some) > count {
				t.Fatalf("a portion of %d, %d were asked for", len(some), count)
			}
		}
		must(t, dir.Close())
		if len(names) != 5 {
			t.Errorf("in portions of %d: %q", count, names)
		}
	}
}

func TestMountsHaveTheirOwnPermissions(t *testing.T) {
	t.Parallel()
	tree := newTree(t)
	upload(t, tree.fs, "/in/new", stor, 0, "new", false)
	upload(t, tree.fs, "/new", stor, 0, "new", false)
	for what, err := range map[string]error{
		"STOR to the public":        transfer("/pub/new", stor)(tree.fs),
		"DELE of the public":        tree.fs.Remove("/pub/dir/read me"),
		"MKD in the public":         tree.fs.Mkdir("/pub/new", 0o755),
		"RETR of the drop box":      transfer("/in/sent", os.O_RDONLY)(tree.fs),
		"STOR over the drop box":    transfer("/in/sent", stor)(tree.fs),
		"moving from the public":    tree.fs.Rename("/pub/dir/read me", "/stolen"),
		"moving to the public":      tree.fs.Rename("/mine", "/pub/mine"),
		"moving out of a drop box":  tree.fs.Rename("/in/sent", "/stolen"),
		"moving over the drop box":  tree.fs.Rename("/mine", "/in/sent"),
		"SITE CHMOD of the public":  tree.fs.Chmod("/pub/dir", 0o777),
		"MFMT in the public":        tree.fs.Chtimes("/pub/dir", time.Unix(1, 0), time.Unix(1, 0)),
		"SITE CHOWN":                tree.fs.Chown("/mine", 0, 0),
		"SITE MKDIR in the public":  tree.fs.MkdirAll("/pub/x/y", 0o755),
		"SITE RMDIR in the public":  tree.fs.RemoveAll("/pub/dir"),
		"RMD in the public":         tree.fs.RemoveDir("/pub/dir"),
		"opening for both directly": second(tree.fs.OpenFile("/pub/dir/read me", os.O_RDWR, 0)),
	} {
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: %v, want os.ErrPermission", what, err)
		}
	}
	if got := contentOf(driver.NewFS(tree.in), "/sent"); got != "sent" {
		t.Errorf("the drop box holds %q", got)
	}
	if got := contentOf(tree.fs, "/mine"); got != "mine" {
		t.Errorf("what could not be moved holds %q", got)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMountPointsStay(t *testing.T) {
	t.Parallel()
	tree := newTree(t)
	for _, name := range []string{"/pub", "/a", "/a/b", "/a/b/deep", "/in"} {
		for verb, err := range map[string]error{
			"RMD": tree.fs.RemoveDir(name), "SITE RMDIR": tree.fs.RemoveAll(name), "RNFR": tree.fs.Rename(name, "/elsewhere"), "RNTO": tree.fs.Rename("/mine", name),
		} {
			if !errors.Is(err, syscall.EBUSY) {
				t.Errorf("%s %s: %v, want EBUSY", verb, name, err)
			}
		}
		if err := tree.fs.Mkdir(name, 0o755); !errors.Is(err, os.ErrExist) {
			t.Errorf("MKD %s: %v, want os.ErrExist", name, err)
		}
		must(t, tree.fs.MkdirAll(name, 0o755))
		if err := transfer(name, stor)(tree.fs); err == nil {
			t.Errorf("STOR %s made a file", name)
		}
		if err := transfer(name, os.O_RDONLY)(tree.fs); err == nil {
			t.Errorf("RETR %s gave a directory", name)
		}
	}
	if err := tree.fs.RemoveDir("/"); err == nil {
		t.Error("the root was removed")
	}
}

func TestMovingBetweenMounts(t *testing.T) {
	t.Parallel()
	tree := newTree(t)
	past := time.Unix(1_000_000_000, 0)
	must(t, tree.home.Chtimes("/mine", past, past))
	must(t, tree.fs.Rename("/mine", "/a/b/deep/deep"))
	if got := contentOf(tree.fs, "/a/b/deep/deep"); got != "mine" {
		t.Errorf("the moved file holds %q", got)
	}
	if info, err := tree.fs.Stat("/a/b/deep/deep"); err != nil || !info.ModTime().Equal(past) {
		t.Errorf("the moved file is of %v, %v", info.ModTime(), err)
	}
	if _, err := tree.fs.Stat("/mine"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old place: %v", err)
	}
	must(t, tree.fs.Rename("/a/b/deep/deep", "/in/moved"))
	if got := contentOf(driver.NewFS(tree.in), "/moved"); got != "mine" {
		t.Errorf("the drop box got %q", got)
	}
	if err := tree.fs.Rename("/sub", "/a/b/deep/sub"); !errors.Is(err, syscall.EXDEV) {
		t.Errorf("moving a directory: %v, want EXDEV", err)
	}
	if err := tree.fs.Rename("/missing", "/a/b/deep/missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("moving nothing: %v", err)
	}
	must(t, tree.fs.Rename("/sub/inside", "/sub/renamed"))
}

func TestAMoveThatFailsLeavesBothEndsAsTheyWere(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		home := afero.NewMemMapFs()
		must(t, afero.WriteFile(home, "/file", []byte("to move"), 0o644))
		must(t, afero.WriteFile(storage, "/old", []byte("old"), 0o644))
		faulty := newFaulty(storage)
		faulty.fail("write", syscall.ENOSPC)
		for _, direct := range []bool{false, true} {
			var other afero.Fs = faulty
			if !direct {
				other = driver.NewUploads(faulty, "alice", driver.UploadOptions{})
			}
			mounts, err := driver.NewMounts([]driver.Mount{
				{Path: "/", FS: home, Permissions: driver.AllPermissions}, {Path: "/other", FS: other, Permissions: driver.AllPermissions},
			})
			must(t, err)
			fs := driver.NewFS(mounts)
			if err := fs.Rename("/file", "/other/new"); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("moving to a full disk: %v", err)
			}
			if !direct {
				if err := fs.Rename("/file", "/other/old"); !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("moving to a full disk: %v", err)
				}
			}
			if got := contentOf(fs, "/file") + " " + contentOf(fs, "/other/old") + " " + contentOf(fs, "/other/new"); got != "to move old none" {
				t.Errorf("the files hold %q", got)
			}
			if got := hidden(t, storage, "/"); got != 0 {
				t.Errorf("%d hidden files are left", got)
			}
		}
	})
}

func TestNewMountsNamesEveryFault(t *testing.T) {
	t.Parallel()
	fs := afero.NewMemMapFs()
	_, err := driver.NewMounts([]driver.Mount{
		{Path: "pub", FS: fs}, {Path: "/a/../b", FS: fs}, {Path: "/a/", FS: fs}, {Path: "/a\n", FS: fs}, {Path: "/nothing"},
		{Path: "/twice", FS: fs}, {Path: "/twice", FS: fs},
	})
	for _, part := range []string{`"pub"`, `"/a/../b"`, `"/a/"`, `"/a\n"`, `"/nothing": the storage is missing`, `"/twice": the path is taken`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %s", err, part)
		}
	}
	if _, err := driver.NewMounts(nil); err == nil || !strings.Contains(err.Error(), `"/" is missing`) {
		t.Errorf("no root: %v", err)
	}
}

func TestSpaceAndSizesAreThoseOfTheMount(t *testing.T) {
	t.Parallel()
	tree := newTree(t)
	if _, err := tree.fs.GetAvailableSpace("/pub"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the space of memory: %v", err)
	}
	if _, err := tree.fs.GetAvailableSpace("/"); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("the space of the home: %v", err)
	}
	upload(t, tree.fs, "/a/b/deep/cut", stor, 0, "half", true)
	if got := sizeOf(tree.fs, "/a/b/deep/cut") + sizeOf(tree.fs, "/mine"); got != "44" {
		t.Errorf("SIZE %s", got)
	}
}
