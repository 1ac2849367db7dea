package driver_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

const secret = "what lies outside"

// newJail returns a Local on a home beside which lies a directory "outside"
// with a file "secret", and the path of both's parent.
func newJail(t testing.TB) (fs *driver.Local, parent string) {
	t.Helper()
	parent = t.TempDir()
	home := filepath.Join(parent, "home")
	for _, dir := range []string{home, filepath.Join(home, "sub"), filepath.Join(parent, "outside")} {
		must(t, os.Mkdir(dir, 0o755))
	}
	must(t, os.WriteFile(filepath.Join(parent, "outside", "secret"), []byte(secret), 0o644))
	must(t, os.Chmod(filepath.Join(parent, "outside", "secret"), 0o644)) // whatever the umask
	must(t, os.WriteFile(filepath.Join(home, "sub", "inside"), []byte("inside"), 0o644))
	root, err := os.OpenRoot(home)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return driver.NewLocal(root), parent
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLocalKeepsSymbolicLinksInside(t *testing.T) {
	t.Parallel()
	fs, parent := newJail(t)
	home := filepath.Join(parent, "home")
	links := map[string]string{
		"absolute":   filepath.Join(parent, "outside"),
		"relative":   "../outside",
		"sub/nested": "../../outside",
		"chain":      "sub/nested",
		"throughSub": "sub/../../outside",
		"toFile":     "../outside/secret",
	}
	for link, target := range links {
		must(t, os.Symlink(target, filepath.Join(home, link)))
	}
	for link := range links {
		t.Run(link, func(t *testing.T) {
			t.Parallel()
			name := "/" + link + "/secret"
			if link == "toFile" {
				name = "/toFile"
			}
			attempts := map[string]error{
				"Mkdir":   fs.Mkdir("/"+link+"/made", 0o755),
				"Chmod":   fs.Chmod(name, 0o777),
				"Chtimes": fs.Chtimes(name, time.Unix(1, 0), time.Unix(1, 0)),
				"Chown":   fs.Chown(name, os.Getuid(), os.Getgid()),
				"Rename":  fs.Rename("/sub/inside", "/"+link+"/moved"),
			}
			_, attempts["Stat"] = fs.Stat(name)
			_, attempts["Open"] = fs.Open(name)
			_, attempts["Create"] = fs.Create(name)
			_, attempts["AvailableSpace"] = fs.AvailableSpace("/" + link)
			if link != "toFile" { // the link itself may be renamed and removed
				attempts["Remove"] = fs.Remove(name)
				attempts["Rename from"] = fs.Rename(name, "/stolen")
			}
			for operation, err := range attempts {
				if err == nil {
					t.Errorf("%s of %s followed the link", operation, name)
				} else if strings.Contains(err.Error(), parent) {
					t.Errorf("%s: %q tells where the home lies", operation, err)
				}
			}
		})
	}
	t.Cleanup(func() { requireOutsideUntouched(t, parent) })
}

func TestLocalFollowsLinksThatStayInside(t *testing.T) {
	t.Parallel()
	fs, parent := newJail(t)
	must(t, os.Symlink("sub/../sub", filepath.Join(parent, "home", "link")))
	got, err := afero.ReadFile(fs, "/link/inside")
	if err != nil || string(got) != "inside" {
		t.Errorf("read through the link: %q, %v", got, err)
	}
}

// TestLocalSurvivesAnExchangedDirectory exchanges a directory for a link to the
// outside again and again while others walk through it.
func TestLocalSurvivesAnExchangedDirectory(t *testing.T) {
	t.Parallel()
	fs, parent := newJail(t)
	home := filepath.Join(parent, "home")
	must(t, os.WriteFile(filepath.Join(home, "sub", "secret"), []byte("harmless"), 0o644))
	must(t, os.Symlink("../outside", filepath.Join(home, "link")))

	stop := make(chan struct{})
	var exchanger sync.WaitGroup
	exchanger.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, move := range [][2]string{{"sub", "aside"}, {"link", "sub"}, {"sub", "link"}, {"aside", "sub"}} {
				if err := os.Rename(filepath.Join(home, move[0]), filepath.Join(home, move[1])); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for i := range 2000 {
		if got, err := afero.ReadFile(fs, "/sub/secret"); err == nil && string(got) != "harmless" {
			t.Errorf("read %q from outside", got)
			break
		}
		if file, err := fs.Create("/sub/made"); err == nil {
			must(t, file.Close())
		}
		if i%8 == 0 {
			_ = fs.RemoveAll("/sub/made") // may or may not be there
		}
	}
	close(stop)
	exchanger.Wait()
	requireOutsideUntouched(t, parent)
}

func TestLocalEndsDotDotAtTheRoot(t *testing.T) {
	t.Parallel()
	fs, parent := newJail(t)
	for _, name := range []string{"/../outside/secret", "../outside/secret", "/sub/../../outside/secret", "//..//../outside/secret"} {
		if _, err := fs.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Stat(%q) = %v, want os.ErrNotExist", name, err)
		}
	}
	for _, name := range []string{"/", "", ".", "..", "/..", "/sub/..", "/../.."} {
		info, err := fs.Stat(name)
		if err != nil || !info.IsDir() {
			t.Errorf("Stat(%q) = %v, want the root", name, err)
		}
		if fs.Remove(name) == nil || fs.RemoveDir(name) == nil || fs.RemoveAll(name) == nil {
			t.Errorf("%q was removed", name)
		}
		if fs.Rename(name, "/elsewhere") == nil || fs.Rename("/sub", name) == nil {
			t.Errorf("%q was renamed", name)
		}
	}
	if _, err := os.Stat(filepath.Join(parent, "home", "sub", "inside")); err != nil {
		t.Error(err)
	}
	requireOutsideUntouched(t, parent)
}

func TestLocalCreatesWithTheUmaskAlone(t *testing.T) {
	t.Parallel()
	fs, parent := newJail(t)
	file, err := fs.OpenFile("/file", os.O_WRONLY|os.O_CREATE, os.ModePerm)
	must(t, err)
	must(t, file.Close())
	must(t, fs.Mkdir("/dir", 0o700))
	must(t, fs.MkdirAll("/a/b", 0o700))

	// What the umask leaves is what a file created with these modes has.
	must(t, os.WriteFile(filepath.Join(parent, "plain"), nil, 0o666))
	must(t, os.Mkdir(filepath.Join(parent, "folder"), 0o777))
	for made, like := range map[string]string{"file": "plain", "dir": "folder", "a": "folder", "a/b": "folder"} {
		got, err := os.Stat(filepath.Join(parent, "home", made))
		must(t, err)
		want, err := os.Stat(filepath.Join(parent, like))
		must(t, err)
		if got.Mode() != want.Mode() {
			t.Errorf("%s has mode %v, want %v", made, got.Mode(), want.Mode())
		}
	}
}

func TestLocalChmodSetsPermissionsAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	fs, parent := newJail(t)
	sub := filepath.Join(parent, "home", "sub")
	must(t, os.Chmod(sub, 0o755|os.ModeSetgid))
	must(t, fs.Chmod("/sub", 0o750))
	must(t, fs.Chmod("/sub/inside", 0o640|os.ModeSetuid|0o4000))
	for name, want := range map[string]os.FileMode{
		sub:                          0o750 | os.ModeDir | os.ModeSetgid,
		filepath.Join(sub, "inside"): 0o640,
	} {
		if got, err := os.Stat(name); err != nil || got.Mode() != want {
			t.Errorf("%s has mode %v, want %v (%v)", name, got.Mode(), want, err)
		}
	}
}

func TestLocalFileSystemOperations(t *testing.T) {
	t.Parallel()
	fs, _ := newJail(t)
	must(t, afero.WriteFile(fs, "/sub/new", []byte("12345"), 0o600))
	must(t, fs.Rename("/sub/new", "/moved"))
	must(t, fs.Chtimes("/moved", time.Unix(1000, 0), time.Unix(2000, 0)))
	info, err := fs.Stat("/moved")
	must(t, err)
	if info.Size() != 5 || !info.ModTime().Equal(time.Unix(2000, 0)) {
		t.Errorf("Stat = %d bytes of %v", info.Size(), info.ModTime())
	}
	file, err := fs.OpenFile("/moved", os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = io.WriteString(file, "67")
	must(t, errors.Join(err, file.Close()))
	if file.Name() != "/moved" {
		t.Errorf("file.Name() = %q", file.Name())
	}
	if got, err := afero.ReadFile(fs, "/moved"); err != nil || string(got) != "1234567" {
		t.Errorf("content %q, %v", got, err)
	}
	if err := fs.RemoveDir("/moved"); err == nil {
		t.Error("RemoveDir removed a file")
	}
	if err := fs.RemoveDir("/sub"); err == nil {
		t.Error("RemoveDir removed a directory that is not empty")
	}
	must(t, fs.RemoveAll("/sub"))
	must(t, fs.Mkdir("/sub", 0))
	must(t, fs.RemoveDir("/sub"))
	must(t, fs.Remove("/moved"))
	if _, err := fs.Stat("/moved"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Stat of a removed file: %v", err)
	}
}

func TestLocalKnowsTheAvailableSpace(t *testing.T) {
	t.Parallel()
	fs, _ := newJail(t)
	space, err := fs.AvailableSpace("/sub")
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil || space <= 0 {
		t.Errorf("AvailableSpace = %d, %v", space, err)
	}
}

// requireOutsideUntouched fails if anything beside the home was changed.
func requireOutsideUntouched(t *testing.T, parent string) {
	t.Helper()
	for dir, want := range map[string][]string{parent: {"home", "outside"}, filepath.Join(parent, "outside"): {"secret"}} {
		entries, err := os.ReadDir(dir)
		must(t, err)
		var got []string
		for _, entry := range entries {
			got = append(got, entry.Name())
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s holds %q, want %q", dir, got, want)
		}
	}
	name := filepath.Join(parent, "outside", "secret")
	if got, err := os.ReadFile(name); err != nil || string(got) != secret {
		t.Errorf("the file outside holds %q (%v)", got, err)
	}
	info, err := os.Stat(name)
	must(t, err)
	if info.Mode() != 0o644 || info.ModTime().Unix() < 1000 {
		t.Errorf("the file outside has mode %v and time %v", info.Mode(), info.ModTime())
	}
}
