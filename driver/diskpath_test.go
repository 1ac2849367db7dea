package driver_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

func TestDiskPathGoesThroughAllLayers(t *testing.T) {
	t.Parallel()
	home, pub := t.TempDir(), t.TempDir()
	users, err := driver.NewUsers([]driver.User{{
		Name: "alice", PasswordHash: bcryptHash, Home: home, Permissions: driver.AllPermissions,
		Mounts: []driver.UserMount{
			{Path: "/pub", Storage: driver.Storage{Dir: pub}, Permissions: driver.ReadOnly},
			{Path: "/scratch", Storage: driver.Storage{Kind: driver.StorageMemory}, Permissions: driver.AllPermissions},
			{Path: "/over", Storage: driver.Storage{Kind: driver.StorageOverlay, Dir: home, Base: pub}, Permissions: driver.AllPermissions},
		},
	}}, driver.UsersOptions{})
	must(t, err)
	files := login(t, users, "alice", "correct")
	for name, want := range map[string]string{
		"/":                   home,
		"/in/a b.xml":         filepath.Join(home, "in", "a b.xml"),
		"/../../etc/passwd":   filepath.Join(home, "etc", "passwd"),
		"/pub/news":           filepath.Join(pub, "news"),
		"/pub/../pub2":        filepath.Join(home, "pub2"),
		"/caf\xe9":            filepath.Join(home, "caf\xe9"),
		"relative":            filepath.Join(home, "relative"),
		"/quote\"\n$(reboot)": filepath.Join(home, "quote\"\n$(reboot)"),
	} {
		if got, err := driver.DiskPath(files, name); err != nil || got != want {
			t.Errorf("%q is at %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"/scratch/a", "/over/a"} {
		if got, err := driver.DiskPath(files, name); !errors.Is(err, errors.ErrUnsupported) || got != "" {
			t.Errorf("%s is at %q, %v, want no path", name, got, err)
		}
	}
	if _, err := driver.DiskPath(afero.NewMemMapFs(), "/"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("memory has a path on the disk: %v", err)
	}
}

func TestDiskPathIsAbsolute(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	must(t, os.Mkdir("sub", 0o755))
	root, err := os.OpenRoot("sub")
	must(t, err)
	defer root.Close()
	for _, policy := range []driver.LinkPolicy{driver.LinksInside, driver.LinksNever, driver.LinksAnywhere} {
		local, err := driver.NewLocalWith(root, driver.LocalOptions{Links: policy})
		must(t, err)
		got, err := local.DiskPath("/file")
		if want, _ := filepath.Abs(filepath.Join("sub", "file")); err != nil || got != want {
			t.Errorf("%v: got %q, %v, want %q", policy, got, err, want)
		}
	}
}
