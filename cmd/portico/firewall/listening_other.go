//go:build !linux

package firewall

import (
	"errors"

	"github.com/portico-ftp/portico/portalloc"
)

// ListeningIn lists what listens in a list of ports on this machine now. It
// errs where the system does not tell.
func ListeningIn(portalloc.PortList) ([]Listening, error) {
	return nil, errors.New("this system does not tell which programs listen")
}
