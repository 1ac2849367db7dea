//go:build unix

package guard

import (
	"io/fs"
	"os"
	"syscall"
)

// chownPath gives a file the owner of another, if this process may. Where it may
// not, it is no other user than the owner, or the file's mode has to do.
func chownPath(path string, like fs.FileInfo) {
	if owner, ok := like.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		_ = os.Chown(path, int(owner.Uid), int(owner.Gid))
	}
}
