package driver_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzLocalPath does everything that changes something with a path of any
// shape. Whether that works does not matter; nothing outside may change, and
// nothing inside may be read from there.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{
		"", "/", "..", "/../outside/secret", "/out/secret", "out/../../outside/secret", "/abs/secret", "/sub/../..",
		"/sub/up/outside/secret", "a\x00b", "/./out//secret/", `..\outside\secret`, "\xff/..", "/sub/./../out/../secret",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		fs, parent := newJail(t)
		home := filepath.Join(parent, "home")
		must(t, os.Symlink("../outside", filepath.Join(home, "out")))
		must(t, os.Symlink(filepath.Join(parent, "outside"), filepath.Join(home, "abs")))
		must(t, os.Symlink("../..", filepath.Join(home, "sub", "up")))

		outside, err := os.Stat(filepath.Join(parent, "outside", "secret"))
		must(t, err)
		if info, err := fs.Stat(name); err == nil && os.SameFile(info, outside) {
			t.Errorf("Stat(%q) found the file outside", name)
		}
		for _, flag := range []int{os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_TRUNC} {
			file, err := fs.OpenFile(name, flag, 0)
			if err != nil {
				continue
			}
			if info, err := file.Stat(); err == nil && os.SameFile(info, outside) {
				t.Errorf("OpenFile(%q) opened the file outside", name)
			}
			must(t, file.Close())
		}
		// Each may fail; what they leave behind is looked at below.
		_ = fs.Chmod(name, 0o777)
		_ = fs.Chtimes(name, time.Unix(1, 0), time.Unix(1, 0))
		_ = fs.Mkdir(name, 0)
		_ = fs.MkdirAll(name+"/made", 0)
		_ = fs.Rename("/sub/inside", name)
		_ = fs.Rename(name, "/moved")
		_ = fs.RemoveDir(name)
		_ = fs.Remove(name)
		_ = fs.RemoveAll(name)
		requireOutsideUntouched(t, parent)
	})
}
