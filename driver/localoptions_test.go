package driver_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// newJailWith is newJail with options, and with links in the home: "in" leads
// inside, "out" outside, "abs" inside by an absolute path.
func newJailWith(t *testing.T, opts driver.LocalOptions) (local *driver.Local, parent string) {
	t.Helper()
	_, parent = newJail(t)
	home := filepath.Join(parent, "home")
	for link, target := range map[string]string{"in": "sub", "out": "../outside", "abs": filepath.Join(home, "sub"), "file": "sub/inside"} {
		must(t, os.Symlink(target, filepath.Join(home, link)))
	}
	root, err := os.OpenRoot(home)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	local, err = driver.NewLocalWith(root, opts)
	must(t, err)
	return local, parent
}

func TestLinkPolicies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		policy driver.LinkPolicy
		opens  string // of the paths below
	}{
		{driver.LinksInside, "/in/inside /file /sub/inside"},
		{driver.LinksNever, "/sub/inside"},
		{driver.LinksAnywhere, "/in/inside /out/secret /abs/inside /file /sub/inside"},
	}
	for _, tt := range tests {
		t.Run(tt.policy.String(), func(t *testing.T) {
			t.Parallel()
			fs, parent := newJailWith(t, driver.LocalOptions{Links: tt.policy})
			var opens []string
			for _, name := range []string{"/in/inside", "/out/secret", "/abs/inside", "/file", "/sub/inside"} {
				content, err := afero.ReadFile(fs, name)
				info, statErr := fs.Stat(name)
				if (err == nil) != (statErr == nil) || err == nil && info.Size() != int64(len(content)) {
					t.Errorf("%s: %v, but Stat %v", name, err, statErr)
				}
				if err == nil {
					opens = append(opens, name)
				} else if strings.Contains(err.Error(), parent) {
					t.Errorf("%q tells where the home lies", err)
				}
			}
			if got := strings.Join(opens, " "); got != tt.opens {
				t.Errorf("opens %q, want %q", got, tt.opens)
			}
			if _, err := fs.Stat("/../outside/secret"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a path led out: %v", err)
			}
		})
	}
}

func TestNoChangeGoesThroughALinkThatIsNotFollowed(t *testing.T) {
	t.Parallel()
	fs, parent := newJailWith(t, driver.LocalOptions{Links: driver.LinksNever})
	inside := filepath.Join(parent, "home", "sub", "inside")
	before, err := os.Stat(inside)
	must(t, err)
	for what, err := range map[string]error{
		"Create":          second(fs.Create("/in/new")),
		"Create a link":   second(fs.Create("/file")),
		"Append":          second(fs.OpenFile("/file", os.O_WRONLY|os.O_APPEND, 0)),
		"Mkdir":           fs.Mkdir("/in/new", 0),
		"MkdirAll":        fs.MkdirAll("/in/new/er", 0),
		"Remove":          fs.Remove("/in/inside"),
		"RemoveDir":       fs.RemoveDir("/in/inside"),
		"RemoveAll":       fs.RemoveAll("/in/inside"),
		"Rename":          fs.Rename("/in/inside", "/moved"),
		"Rename to":       fs.Rename("/sub/inside", "/in/moved"),
		"RenameNoReplace": fs.RenameNoReplace("/sub/inside", "/in/moved"),
		"Chmod":           fs.Chmod("/file", 0o600),
		"Chown":           fs.Chown("/file", os.Getuid(), os.Getgid()),
		"Chtimes":         fs.Chtimes("/file", before.ModTime().Add(1e9), before.ModTime().Add(1e9)),
		"AvailableSpace":  second(fs.AvailableSpace("/in")),
	} {
		if err == nil {
			t.Errorf("%s followed a link", what)
		}
	}
	after, err := os.Stat(inside)
	if err != nil || !after.ModTime().Equal(before.ModTime()) || after.Mode() != before.Mode() {
		t.Errorf("the file behind the link was changed: %v, %v", after, err)
	}
	must(t, fs.Rename("/file", "/renamed link"))
	must(t, fs.Remove("/renamed link"))
	must(t, fs.RemoveAll("/in"))
	if entries := namesIn(t, fs, "/sub"); entries != "inside" {
		t.Errorf("behind the links: %q", entries)
	}
}

func TestUmask(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	for _, umask := range []os.FileMode{0, 0o027, 0o077} {
		for _, links := range []driver.LinkPolicy{driver.LinksInside, driver.LinksNever, driver.LinksAnywhere} {
			fs, parent := newJailWith(t, driver.LocalOptions{Umask: &umask, Links: links})
			home := filepath.Join(parent, "home")
			must(t, os.WriteFile(filepath.Join(home, "old"), nil, 0o604))
			must(t, os.Chmod(filepath.Join(home, "sub"), 0o755|os.ModeSetgid))
			upload(t, session(fs, "alice"), "/atomic", stor, 0, "", false)
			must(t, afero.WriteFile(fs, "/direct", nil, 0o777))
			must(t, afero.WriteFile(fs, "/old", []byte("written to"), 0o777))
			must(t, fs.Mkdir("/sub/dir", 0o700))
			must(t, fs.MkdirAll("/a/b", 0o700))
			must(t, fs.MkdirAll("/a/b", 0o700))
			if err := fs.MkdirAll("/old/b", 0o700); err == nil {
				t.Error("a directory was made in a file")
			}
			if _, err := fs.OpenFile("/old", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0); !errors.Is(err, os.ErrExist) {
				t.Errorf("creating what exists: %v", err)
			}
			dir := os.ModeDir | 0o777&^umask
			for name, want := range map[string]os.FileMode{
				"atomic": 0o666 &^ umask, "direct": 0o666 &^ umask, "old": 0o604, "a": dir, "a/b": dir, "sub/dir": dir | os.ModeSetgid,
			} {
				info, err := os.Stat(filepath.Join(home, name))
				must(t, err)
				got := info.Mode()
				if name == "sub/dir" && runtime.GOOS != "linux" {
					got |= os.ModeSetgid // BSDs do without
				}
				if got != want {
					t.Errorf("umask %#o, links %v: %s has mode %v, want %v", uint32(umask), links, name, got, want)
				}
			}
		}
	}
}

func TestLocalOptionsAreChecked(t *testing.T) {
	t.Parallel()
	root, err := os.OpenRoot(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	umask := os.FileMode(0o1000)
	for says, opts := range map[string]driver.LocalOptions{"inside, never or anywhere": {Links: 7}, "0 to 0777": {Umask: &umask}} {
		if _, err := driver.NewLocalWith(root, opts); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", opts, err, says)
		}
	}
	for text, want := range map[string]driver.LinkPolicy{"": 0, "inside": driver.LinksInside, "never": driver.LinksNever, "anywhere": driver.LinksAnywhere} {
		got := driver.LinkPolicy(9)
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("UnmarshalText(%q) = %v, %v", text, got, err)
		}
		if back, err := want.MarshalText(); err != nil || text != "" && string(back) != text {
			t.Errorf("MarshalText = %q, %v", back, err)
		}
	}
	var policy driver.LinkPolicy
	if err := policy.UnmarshalText([]byte("yes")); err == nil {
		t.Error("an unknown policy was accepted")
	}
}
