//go:build unix

package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// identity is the unprivileged user as which the server runs when the tests
// run as root.
type identity struct {
	uid, gid uint32
}

// unprivileged returns nil when the tests themselves are unprivileged.
func unprivileged() *identity {
	if os.Getuid() != 0 {
		return nil
	}
	const overflow = 65534 // the kernel's own "nobody", where the name is unknown
	who := &identity{overflow, overflow}
	if nobody, err := user.Lookup("nobody"); err == nil {
		uid, uidErr := strconv.ParseUint(nobody.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(nobody.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			who = &identity{uint32(uid), uint32(gid)}
		}
	}
	return who
}

// apply makes the command run as this user, with no supplementary group.
func (id *identity) apply(cmd *exec.Cmd) {
	if id == nil {
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: id.uid, Gid: id.gid, Groups: []uint32{}},
	}
}

// own hands a tree to this user. Symbolic links are not followed.
func (id *identity) own(root string) error {
	if id == nil {
		return nil
	}
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(id.uid), int(id.gid))
	})
}
