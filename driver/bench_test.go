package driver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/driver"
)

func BenchmarkGetHandle(b *testing.B) {
	jail, parent := newJail(b)
	must(b, os.WriteFile(filepath.Join(parent, "home", "file"), []byte(strings.Repeat("x", 1024)), 0o600))
	fs := driver.NewFS(driver.Restrict(jail, driver.AllPermissions))
	b.ReportAllocs()
	for b.Loop() {
		handle, err := fs.GetHandle("/file", os.O_RDONLY, 0)
		must(b, err)
		must(b, handle.Close())
	}
}

func BenchmarkReadDir10000(b *testing.B) {
	jail, parent := newJail(b)
	for i := range 10_000 {
		must(b, os.WriteFile(filepath.Join(parent, "home", fmt.Sprintf("file-%05d.dat", i)), nil, 0o600))
	}
	fs := driver.NewFS(driver.Restrict(jail, driver.AllPermissions))
	b.ReportAllocs()
	for b.Loop() {
		entries, err := fs.ReadDir("/")
		must(b, err)
		if len(entries) != 10_001 {
			b.Fatalf("%d entries", len(entries))
		}
	}
}

func BenchmarkAuthenticateRemembered(b *testing.B) {
	hash, err := driver.HashPassword("correct")
	must(b, err)
	users, err := driver.NewUsers([]driver.User{
		{Name: "alice", PasswordHash: hash, Home: b.TempDir(), Permissions: driver.AllPermissions},
	}, driver.UsersOptions{})
	must(b, err)
	attempt := driver.Attempt{User: "alice", Password: "correct"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := users.Authenticate(b.Context(), attempt); err != nil {
			b.Fatal(err)
		}
	}
}
