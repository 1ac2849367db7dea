//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// It takes no more sessions than half as many as it has ports.
var pureftpd = &peer{name: "pure-ftpd", command: startPureFTPd, portsEach: 2}

// startPureFTPd serves a virtual user out of its own user database.
func startPureFTPd(l *lab, p ports) (*exec.Cmd, error) {
	root := filepath.Join(l.peers, "pure-ftpd")
	users, database := filepath.Join(l.programs, "pureftpd.passwd"), filepath.Join(l.programs, "pureftpd.pdb")
	user := fmt.Sprintf("%s:%s:%d:%d::%s/./::::::::::::\n", userName, l.hash, userID, userID, l.home)
	if err := os.WriteFile(users, []byte(user), 0o600); err != nil {
		return nil, err
	}
	if out, err := l.asRoot(root, filepath.Join(root, "usr/bin/pure-pw"), "mkdb", database, "-f", users).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pure-pw: %w: %s", err, out)
	}
	return l.asRoot(root, filepath.Join(root, "usr/sbin/pure-ftpd"),
		"-S", fmt.Sprintf("127.0.0.1,%d", p.control), "-p", fmt.Sprintf("%d:%d", p.first, p.last),
		"-l", "puredb:"+database, "-A", "-E", "-u", "1", "-g", filepath.Join(l.programs, "pure-ftpd.pid"),
		"-c", "100000", "-C", "100000", "-L", "1000000:20", // clients, clients of one address, entries of a listing
		"-H", "-f", "none", "-I", "10", "-Y", "1", "-2", l.certificateAndKey()), nil
}
