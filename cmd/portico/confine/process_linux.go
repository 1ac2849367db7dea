package confine

import (
	"errors"
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	landlocksys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// thisProcess is the real thing.
type thisProcess struct{}

// trial does everything but the last step.
type trial struct{}

func (thisProcess) landlockABI() (int, error) { return landlockABI() }
func (trial) landlockABI() (int, error)       { return landlockABI() }

func landlockABI() (int, error) {
	abi, err := landlocksys.LandlockGetABIVersion()
	switch {
	case errors.Is(err, unix.ENOSYS):
		return 0, errors.New("this kernel has no Landlock, or a filter around this process hides it")
	case errors.Is(err, unix.EOPNOTSUPP):
		return 0, errors.New("this kernel was started without Landlock: add landlock to its parameter lsm=")
	case err != nil:
		return 0, fmt.Errorf("landlock: %w", err)
	}
	return abi, nil
}

// noNewPrivileges reaches every thread.
func (thisProcess) noNewPrivileges() error {
	return landlocksys.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

func (trial) noNewPrivileges() error {
	_, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return err
}

func (thisProcess) restrict(r *rules, abi int) error {
	return r.landlockConfig(abi).Restrict(r.landlock(abi)...)
}

// restrict has the kernel check every rule.
func (trial) restrict(r *rules, abi int) error {
	ruleset, _, err := r.landlockConfig(abi).NewRulesetFD(r.landlock(abi)...)
	if err == nil && ruleset >= 0 {
		err = unix.Close(ruleset)
	}
	return err
}

// landlockConfig is what is confined at a level. Of what has come since ABI 7
// nothing is used before it was tried: UDP, which DNS needs, and Unix sockets
// with a path.
//
// Signals are left out. Below ABI 8 each thread is confined by itself, and a
// thread could then no longer end a program that another one has started.
func (r *rules) landlockConfig(abi int) landlock.Config {
	config := landlock.Config{HandledAccessFS: filesConfined(abi)}
	if abi >= 4 {
		config.HandledAccessNet = landlocksys.AccessNetBindTCP
	}
	if abi >= 4 && r.anyConnect == "" {
		config.HandledAccessNet |= landlocksys.AccessNetConnectTCP
	}
	if abi >= 6 && !r.abstract {
		config.Scoped = landlocksys.ScopeAbstractUnixSocket
	}
	return config
}

func filesConfined(abi int) landlock.AccessFSSet {
	switch {
	case abi >= 5:
		return landlock.V5.HandledAccessFS
	case abi >= 3:
		return landlock.V3.HandledAccessFS
	default:
		return landlock.V2.HandledAccessFS
	}
}

const (
	readAccess    landlock.AccessFSSet = landlocksys.AccessFSReadFile | landlocksys.AccessFSReadDir
	executeAccess                      = readAccess | landlocksys.AccessFSExecute
	// Neither devices, pipes nor sockets can be made, and no symbolic links: a
	// server of files makes none.
	writeAccess = readAccess | landlocksys.AccessFSWriteFile | landlocksys.AccessFSTruncate |
		landlocksys.AccessFSRemoveDir | landlocksys.AccessFSRemoveFile |
		landlocksys.AccessFSMakeDir | landlocksys.AccessFSMakeReg | landlocksys.AccessFSRefer
	// fileAccess is what means something for a file.
	fileAccess = landlocksys.AccessFSReadFile | landlocksys.AccessFSWriteFile | landlocksys.AccessFSTruncate | landlocksys.AccessFSExecute
)

// landlock returns the rules as the library takes them.
func (r *rules) landlock(abi int) []landlock.Rule {
	confined := filesConfined(abi)
	var all []landlock.Rule
	for _, list := range []struct {
		places []place
		access landlock.AccessFSSet
	}{{r.read, readAccess}, {r.write, writeAccess}, {r.execute, executeAccess}} {
		for _, p := range list.places {
			access := list.access & confined
			if !p.info.IsDir() {
				access &= fileAccess
			}
			all = append(all, landlock.PathAccess(access, p.path))
		}
	}
	if abi < 4 {
		return all
	}
	all = append(all, landlock.BindTCP(0))
	for port := range r.bind.All() {
		all = append(all, landlock.BindTCP(port))
	}
	if r.anyConnect != "" {
		return all
	}
	for port := range r.connect.All() {
		all = append(all, landlock.ConnectTCP(port))
	}
	return all
}
