//go:build linux

package main

import (
	_ "embed"
	"os/exec"
	"path/filepath"
	"strconv"
)

//go:embed pyftpdlib.py
var pyftpdlibScript string

var pyftpdlib = &peer{name: "pyftpdlib", command: startPyftpdlib}

// startPyftpdlib runs one process that serves everybody out of one loop, as its
// documentation shows it, with sendfile. It compares passwords in clear.
func startPyftpdlib(l *lab, p ports) (*exec.Cmd, error) {
	script, err := l.write("serve_pyftpdlib.py", pyftpdlibScript)
	if err != nil {
		return nil, err
	}
	cmd := asUser("/usr/bin/python3", script, strconv.Itoa(p.control), strconv.Itoa(p.first), strconv.Itoa(p.last),
		userName, l.password, l.home, l.certificateAndKey())
	cmd.Env = append(cmd.Env, "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH="+filepath.Join(l.peers, "pyftpdlib/usr/lib/python3/dist-packages"))
	return cmd, nil
}
