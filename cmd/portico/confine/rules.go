package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// rules are needs with their paths as the system has them.
type rules struct {
	read, write, execute []place
	bind, connect        portalloc.PortList
	anyConnect           string
	abstract             bool
}

// place is a file or directory that exists.
type place struct {
	path string // without symbolic links
	info fs.FileInfo
}

func resolve(n Needs) (*rules, error) {
	r := &rules{bind: n.Bind, connect: n.Connect, anyConnect: n.AnyConnect, abstract: n.AbstractSockets}
	var faults []error
	add := func(list *[]place, paths []string, find func(string) (place, error)) {
		for _, path := range paths {
			switch found, err := find(path); {
			case err == nil:
				*list = append(*list, found)
			case !errors.Is(err, fs.ErrNotExist):
				faults = append(faults, err)
			}
		}
	}
	add(&r.read, n.Read, findPlace)
	add(&r.write, n.Write, nearestPlace)
	add(&r.execute, n.Execute, findPlace)
	return r, errors.Join(faults...)
}

func findPlace(path string) (place, error) {
	if !filepath.IsAbs(path) {
		return place{}, fmt.Errorf("%q is no absolute path", path)
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return place{}, err
	}
	info, err := os.Stat(target)
	return place{target, info}, err
}

// nearestPlace is the path or the nearest directory above it that exists.
func nearestPlace(path string) (place, error) {
	for {
		found, err := findPlace(path)
		if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return found, err
		}
		path = filepath.Dir(path)
	}
}

// Covers says whether a confined process has what somebody needs beyond what
// was foreseen. The error names each path and port that it cannot use before it
// is started anew.
func (s State) Covers(n Needs) error {
	if s.rules == nil {
		return nil
	}
	wanted, err := resolve(n)
	faults := []error{err}
	faults = append(faults, outside("read", wanted.read, s.rules.read, s.rules.write, s.rules.execute)...)
	faults = append(faults, outside("write", wanted.write, s.rules.write)...)
	faults = append(faults, outside("execute", wanted.execute, s.rules.execute)...)
	if s.Ports {
		faults = append(faults, s.rules.portsOutside(wanted)...)
	}
	return errors.Join(faults...)
}

func outside(verb string, wanted []place, lists ...[]place) []error {
	var faults []error
	for _, p := range wanted {
		if !p.isInside(lists) {
			faults = append(faults, fmt.Errorf("the sandbox of the running process does not let it %s %s", verb, p.path))
		}
	}
	return faults
}

// isInside looks for a directory at or above the place. One that was replaced
// since, by another directory or by a file system mounted there, is not the one
// that the kernel knows.
func (p place) isInside(lists [][]place) bool {
	for _, list := range lists {
		for _, above := range list {
			if !isBelow(p.path, above.path) {
				continue
			}
			if now, err := os.Stat(above.path); err == nil && os.SameFile(now, above.info) {
				return true
			}
		}
	}
	return false
}

func isBelow(path, directory string) bool {
	return path == directory || strings.HasPrefix(path, strings.TrimSuffix(directory, "/")+"/")
}

// without lists the ports of a list, but 0, that another list does not have.
func without(wanted, allowed portalloc.PortList) portalloc.PortList {
	var left portalloc.PortList
	for port := range wanted.All() {
		switch last := len(left) - 1; {
		case port == 0 || allowed.Contains(port):
		case last >= 0 && left[last].Last+1 == port:
			left[last].Last = port
		default:
			left = append(left, portalloc.PortRange{First: port, Last: port})
		}
	}
	return left
}

func (r *rules) portsOutside(wanted *rules) []error {
	var faults []error
	if ports := without(wanted.bind, r.bind); len(ports) > 0 {
		faults = append(faults, fmt.Errorf("the sandbox of the running process does not let it listen on port %v", ports))
	}
	if r.anyConnect != "" {
		return faults
	}
	if wanted.anyConnect != "" {
		faults = append(faults, fmt.Errorf("the sandbox of the running process limits TCP connections: %s", wanted.anyConnect))
	}
	if ports := without(wanted.connect, r.connect); len(ports) > 0 {
		faults = append(faults, fmt.Errorf("the sandbox of the running process does not let it connect to port %v", ports))
	}
	return faults
}
