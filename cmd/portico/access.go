package main

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// checkUID refuses root: whoever breaks into a server of files should not own
// the machine.
func checkUID(uid int, allowRoot bool) error {
	if uid != 0 || allowRoot {
		return nil
	}
	return errors.New(`refuses to run as root. Better ways:
  - a service user: User=portico in the systemd unit
  - another user from this shell: sudo -u USER portico serve …, or setpriv --reuid=USER --regid=GROUP --clear-groups portico serve …
  - for ports below 1024 alone: setcap cap_net_bind_service=+ep on the binary (AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit), or sysctl net.ipv4.ip_unprivileged_port_start=20
  --allow-root overrides this`)
}

// checkDirectory reports a directory that is not there or not open to this
// process.
func checkDirectory(directory string) error {
	info, err := os.Stat(directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no directory %s: make it, or name another", directory)
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a directory: name one", directory)
	case err == nil:
		err = tryOpen(directory)
	}
	if err != nil {
		return fmt.Errorf("%w: let the user that Portico runs as open it", err)
	}
	return nil
}

func tryOpen(directory string) error {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	return root.Close()
}

// generatePassword returns 75 random bits as letters and digits that are easy
// to read and to type: "k7mq-x2wd-…".
func generatePassword() string {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789" // no l, o, 0, 1
	random := make([]byte, 10)
	rand.Read(random)
	text := base32.NewEncoding(letters).EncodeToString(random)
	return strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:16]}, "-")
}
