package driver_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

func TestHomesFromATemplate(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	entry := func(name string) driver.User {
		return driver.User{
			Name: name, PasswordHash: bcryptHash, Home: filepath.Join(parent, "deep", "%u"), Permissions: driver.AllPermissions,
			Storage: driver.Storage{Create: true},
		}
	}
	users, err := driver.NewUsers([]driver.User{entry("alice"), entry("bob")}, driver.UsersOptions{})
	must(t, err)
	if _, err := os.Stat(filepath.Join(parent, "deep")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a home was made before the first login: %v", err)
	}
	for range 2 {
		upload(t, login(t, users, "alice", "correct"), "/file", stor, 0, "hers", false)
	}
	if got, err := os.ReadFile(filepath.Join(parent, "deep", "alice", "file")); err != nil || string(got) != "hers" {
		t.Errorf("alice's file holds %q, %v", got, err)
	}
	if info, err := os.Stat(filepath.Join(parent, "deep", "alice")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0 {
		t.Errorf("alice's home is %v, %v", info, err)
	}
	if swept, err := users.Sweep(t.Context(), time.Now()); err != nil || swept.Files != 0 {
		t.Errorf("swept %+v, %v", swept, err)
	}
	if got, err := os.ReadDir(filepath.Join(parent, "deep")); err != nil || len(got) != 1 {
		t.Errorf("%d homes, %v; want alice's alone", len(got), err)
	}
}

func TestExpandDir(t *testing.T) {
	t.Parallel()
	tests := []struct{ template, user, want, says string }{
		{"/srv/%u", "alice", "/srv/alice", ""},
		{"/srv/%u/%u-100%%", "a.b", "/srv/a.b/a.b-100%", ""},
		{"/srv/%%u", "alice", "/srv/%u", ""},
		{"/srv", "../etc", "/srv", ""},
		{"/srv/%u", "../etc", "", "no file name"},
		{"/srv/%u", "..", "", "no file name"},
		{"/srv/%u", "", "", "no file name"},
		{"/srv/%u", `a\b`, "", "no file name"},
		{"/srv/%x", "alice", "", "after % comes u"},
		{"/srv/%", "alice", "", "after % comes u"},
	}
	for _, tt := range tests {
		got, err := driver.ExpandDir(tt.template, tt.user)
		if got != tt.want || (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("ExpandDir(%q, %q) = %q, %v; want %q %q", tt.template, tt.user, got, err, tt.want, tt.says)
		}
	}
}

func TestUsersWithMounts(t *testing.T) {
	t.Parallel()
	home, pub, box, base := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(pub, "news"), []byte("news"), 0o644))
	must(t, os.MkdirAll(filepath.Join(base, "dir"), 0o755))
	must(t, os.WriteFile(filepath.Join(base, "dir", "form"), []byte("form"), 0o644))
	own := afero.NewMemMapFs()
	must(t, afero.WriteFile(own, "/own", []byte("own"), 0o644))
	var layered []string
	users, err := driver.NewUsers([]driver.User{{
		Name: "alice", PasswordHash: bcryptHash, Home: home, Permissions: driver.AllPermissions,
		Mounts: []driver.UserMount{
			{Path: "/pub", Storage: driver.Storage{Dir: pub}, Permissions: driver.ReadOnly},
			{Path: "/in", Storage: driver.Storage{Dir: filepath.Join(box, "%u"), Create: true}, Permissions: driver.CanWrite},
			{Path: "/scratch", Storage: driver.Storage{Kind: driver.StorageMemory}, Permissions: driver.AllPermissions},
			{Path: "/forms", Storage: driver.Storage{Kind: driver.StorageOverlay, Dir: t.TempDir(), Base: base}, Permissions: driver.AllPermissions},
			{Path: "/own", Storage: driver.Storage{FS: own}, Permissions: driver.AllPermissions, Uploads: driver.UploadOptions{Mode: driver.UploadDirect}},
		},
	}}, driver.UsersOptions{Layer: func(at driver.Place, storage afero.Fs) (afero.Fs, error) {
		layered = append(layered, at.User+at.Path)
		return storage, nil
	}})
	must(t, err)
	for range 2 {
		fs := login(t, users, "alice", "correct")
		if got := namesIn(t, fs, "/"); got != "forms in own pub scratch" {
			t.Errorf("the tree shows %q", got)
		}
		for _, name := range []string{"/in/new", "/scratch/new", "/forms/dir/form", "/own/new"} {
			if name == "/in/new" && len(layered) > 6 {
				continue // it is there, and may not be replaced
			}
			upload(t, fs, name, stor, 0, "new", false)
		}
		upload(t, fs, "/scratch/cut", stor, 0, "half", true)
		if got := contentOf(fs, "/forms/dir/form") + contentOf(fs, "/scratch/new") + contentOf(fs, "/own/own") + contentOf(fs, "/pub/news"); got != "newnewownnews" {
			t.Errorf("the mounts hold %q", got)
		}
	}
	if got := strings.Join(layered[:6], " "); got != "alice/ alice/pub alice/in alice/scratch alice/forms alice/own" {
		t.Errorf("layers were asked for %q", got)
	}
	if got, err := os.ReadFile(filepath.Join(base, "dir", "form")); err != nil || string(got) != "form" {
		t.Errorf("the base of the overlay holds %q, %v", got, err)
	}
	if got, err := os.ReadFile(filepath.Join(box, "alice", "new")); err != nil || string(got) != "new" {
		t.Errorf("the drop box holds %q, %v", got, err)
	}
	if swept, err := users.Sweep(t.Context(), time.Now().Add(25*time.Hour)); err != nil || swept.Files != 1 {
		t.Errorf("swept %+v, %v", swept, err)
	}
}

func TestOverlaysKeepTheirBase(t *testing.T) {
	t.Parallel()
	base, dir := t.TempDir(), t.TempDir()
	for _, name := range []string{"appended", "replaced", "resumed", "removed"} {
		must(t, os.WriteFile(filepath.Join(base, name), []byte("base content"), 0o640))
	}
	users := oneUser(t, driver.User{
		Name: "alice", PasswordHash: bcryptHash, Home: dir, Storage: driver.Storage{Kind: driver.StorageOverlay, Base: base},
	})
	fs := login(t, users, "alice", "correct")
	upload(t, fs, "/appended", appe, 0, "+", false)
	upload(t, fs, "/replaced", stor, 0, "half", true)
	if got := contentOf(fs, "/replaced"); got != "base content" {
		t.Errorf("after an interrupted upload: %q", got)
	}
	upload(t, fs, "/replaced", rest, 4, " and half", false)
	upload(t, fs, "/resumed", rest, 5, "middle", false)
	for name, want := range map[string]string{"/appended": "base content+", "/replaced": "half and half", "/resumed": "base middlet"} {
		if got := contentOf(fs, name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if err := fs.Remove("/removed"); err == nil {
		t.Error("a file of the base was removed")
	}
	if err := fs.Rename("/removed", "/renamed"); err == nil {
		t.Error("a file of the base was renamed")
	}
	for _, name := range []string{"appended", "replaced", "resumed", "removed"} {
		if got, err := os.ReadFile(filepath.Join(base, name)); err != nil || string(got) != "base content" {
			t.Errorf("the base's %s holds %q, %v", name, got, err)
		}
	}
}

func TestWrongStorages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	umask := os.FileMode(0o7000)
	tests := []struct {
		name string
		user driver.User
		says []string
	}{
		{"two homes", driver.User{Home: dir, Storage: driver.Storage{Dir: dir}}, []string{"named twice"}},
		{"a storage of one's own and more", driver.User{Storage: driver.Storage{FS: afero.NewMemMapFs(), Dir: dir}}, []string{"no other settings"}},
		{"memory with a directory", driver.User{Home: dir, Storage: driver.Storage{Kind: driver.StorageMemory}}, []string{"memory has no directory"}},
		{"an overlay without a base", driver.User{Home: dir, Storage: driver.Storage{Kind: driver.StorageOverlay}}, []string{"base"}},
		{"a base without an overlay", driver.User{Home: dir, Storage: driver.Storage{Base: dir}}, []string{"base"}},
		{"an unknown kind", driver.User{Home: dir, Storage: driver.Storage{Kind: 9}}, []string{"local, memory, overlay or object"}},
		{"no bucket", driver.User{Storage: driver.Storage{Kind: driver.StorageObject}}, []string{"bucket is missing"}},
		{"a bucket with a directory", driver.User{Home: dir, Storage: driver.Storage{Kind: driver.StorageObject, Bucket: shelves{}}}, []string{"no settings of directories"}},
		{"a bucket of no kind", driver.User{Home: dir, Storage: driver.Storage{Bucket: shelves{}}}, []string{"for the kind object"}},
		{"a wrong prefix", driver.User{Storage: driver.Storage{Kind: driver.StorageObject, Bucket: shelves{}, Prefix: "%d"}}, []string{"after % comes u"}},
		{"a wrong template", driver.User{Home: dir + "/%d"}, []string{"after % comes u"}},
		{"a home below a file", driver.User{Home: file + "/home", Storage: driver.Storage{Create: true}}, []string{"not a directory"}},
		{"a wrong umask", driver.User{Home: dir, Storage: driver.Storage{Local: driver.LocalOptions{Umask: &umask}}}, []string{"umask"}},
		{"wrong mounts", driver.User{Home: dir, Mounts: []driver.UserMount{
			{Path: "/", Storage: driver.Storage{Dir: dir}, Permissions: driver.ReadOnly},
			{Path: "pub", Storage: driver.Storage{Dir: dir + "/missing"}},
		}}, []string{`mount "/": the path is taken`, `mount "pub": use an absolute path`, `mount "pub": directory`, `mount "pub": permissions`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.user.Name, tt.user.PasswordHash, tt.user.Permissions = "alice", bcryptHash, driver.AllPermissions
			_, err := driver.NewUsers([]driver.User{tt.user}, driver.UsersOptions{})
			for _, part := range tt.says {
				if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), `user "alice"`) {
					t.Errorf("%v does not say %q", err, part)
				}
			}
		})
	}
}

// shelves is a bucket of which each prefix is a storage of its own.
type shelves map[string]afero.Fs

func (s shelves) Sub(prefix string) afero.Fs {
	if s[prefix] == nil {
		s[prefix] = afero.NewMemMapFs()
	}
	return s[prefix]
}

// A group names the bucket for all its members, each of whom has a prefix.
func TestBucketOfAGroup(t *testing.T) {
	t.Parallel()
	bucket := shelves{}
	group := driver.User{Storage: driver.Storage{Kind: driver.StorageObject, Bucket: bucket, Prefix: "ftp/%u/"}, Permissions: driver.AllPermissions}
	users, err := driver.NewUsers([]driver.User{
		{Name: "alice", PasswordHash: bcryptHash, Groups: []string{"all"}},
		{Name: "bob", PasswordHash: bcryptHash, Groups: []string{"all"}, Home: t.TempDir()},
	}, driver.UsersOptions{Groups: map[string]driver.User{"all": group}})
	must(t, err)
	for _, name := range []string{"alice", "bob"} {
		account, err := users.Authenticate(t.Context(), driver.Attempt{User: name, Password: "correct"})
		must(t, err)
		must(t, afero.WriteFile(account.FS, "/file", []byte(name), 0o600))
	}
	if got, err := afero.ReadFile(bucket["ftp/alice/"], "/file"); err != nil || string(got) != "alice" {
		t.Errorf("alice's file holds %q, %v", got, err)
	}
	if len(bucket) != 1 {
		t.Errorf("the bucket has %d prefixes, want none of bob's, who has a directory", len(bucket))
	}
}
