package confine

import (
	"errors"
	"fmt"
	"strings"
)

// system is what a system has to offer. Each part returns why it could not be
// confined, nil if it is.
type system interface {
	// landlockABI returns the level, and why there is none.
	landlockABI() (int, error)
	// restrict confines files and ports as far as the level goes.
	restrict(r *rules, abi int) error
	// noNewPrivileges gives up gaining rights.
	noNewPrivileges() error
	// filter refuses system calls.
	filter() error
}

// Apply confines the process for good. Its error means that nothing or not
// enough is confined although Required was asked for, or that a need makes no
// sense; the process should end then. It must not be called concurrently.
func Apply(mode Mode, needs Needs) (State, error) { return confine(thisProcess{}, mode, needs) }

// Probe says what Apply would do, and changes nothing.
func Probe(mode Mode, needs Needs) (State, error) { return confine(trial{}, mode, needs) }

func confine(sys system, mode Mode, needs Needs) (State, error) {
	s := State{Mode: mode}
	if mode == Off {
		return s, nil
	}
	r, err := resolve(needs)
	if err != nil {
		return s, fmt.Errorf("confine: %w", err)
	}
	s.try(sys.noNewPrivileges(), &s.NoNewPrivileges, "no_new_privs")
	s.tryLandlock(sys, r)
	s.try(sys.filter(), &s.SystemCalls, "filter of system calls, and with it Multipath TCP")
	if mode == Required && !s.sufficient() {
		return s, errors.New("it is required, but this system cannot confine enough: " + strings.Join(s.Missing, "; "))
	}
	return s, nil
}

// try notes the outcome of one part.
func (s *State) try(err error, done *bool, what string) {
	if err != nil {
		s.Missing = append(s.Missing, fmt.Sprintf("%s: %v", what, err))
		return
	}
	*done = true
}

func (s *State) tryLandlock(sys system, r *rules) {
	const what = "files and TCP ports"
	abi, err := sys.landlockABI()
	if err == nil {
		s.LandlockABI = abi
		err = needsABI(abi, leastABI)
	}
	if err == nil {
		err = sys.restrict(r, abi)
	}
	if s.try(err, &s.Files, what); err != nil {
		return
	}
	s.rules = r
	for _, part := range landlockParts {
		confined := false
		if s.try(needsABI(abi, part.abi), &confined, part.name); part.isPorts {
			s.Ports = confined
			s.noteConnections(r)
		}
	}
}

// noteConnections says so where connections are not limited.
func (s *State) noteConnections(r *rules) {
	if s.Ports && r.anyConnect != "" {
		s.Open = append(s.Open, "TCP connections to other machines are not limited: "+r.anyConnect)
	}
}

// leastABI is the first level that lets files be moved between directories.
const leastABI = 2

// landlockParts are what higher levels of Landlock can confine besides.
var landlockParts = []struct {
	abi     int
	name    string
	isPorts bool
}{
	{3, "truncating files that may not be written", false},
	{4, "TCP ports", true},
	{5, "device files", false},
	{6, "abstract Unix sockets", false},
}

// firstKernel is the Linux version that a level came with.
var firstKernel = map[int]string{2: "5.19", 3: "6.2", 4: "6.7", 5: "6.10", 6: "6.12"}

func needsABI(have, want int) error {
	if have >= want {
		return nil
	}
	return fmt.Errorf("needs Landlock ABI %d (Linux %s), here it is %d", want, firstKernel[want], have)
}
