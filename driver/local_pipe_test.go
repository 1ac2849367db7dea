//go:build linux || darwin || freebsd

package driver_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLocalRefusesNamedPipesWithoutWaiting(t *testing.T) {
	t.Parallel()
	fs, parent := newJail(t)
	must(t, unix.Mkfifo(filepath.Join(parent, "home", "pipe"), 0o600))
	for _, flag := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_CREATE | os.O_APPEND} {
		if file, err := fs.OpenFile("/pipe", flag, 0); err == nil {
			t.Errorf("OpenFile(flag %#x) opened a named pipe", flag)
			must(t, file.Close())
		}
	}
	must(t, fs.Remove("/pipe"))
}
