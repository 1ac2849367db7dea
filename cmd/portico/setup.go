package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// setup is a configuration that was checked as far as possible without
// listening.
type setup struct {
	// config has the passive ports of this process alone.
	config  *config.Config
	file    string          // of the configuration. Empty: none
	replica *config.Replica // nil: this process is the only one
	users   []driver.User
	groups  map[string]driver.User
	allow   driver.Permissions // the most that anybody may do
	tls     *tls.Config        // nil: none is offered
	hosts   []hostSetup        // one for each of config.Hosts
	// buckets are those of config.Buckets that could be opened.
	buckets []*bucket
	// sockets are those that a service manager has opened. Nil: none.
	sockets *handedSockets
	// administration is the admin interface. Nil: it is off.
	administration *administration
	// traces is where spans go. Nil: nowhere.
	traces *traces
	// generated is the password of the user that stands in where nobody is
	// configured. Empty: somebody is.
	generated string
	// confined is the state of the process once it is confined.
	confined atomic.Pointer[confine.State]
}

// generatedUser is the name of that user.
const generatedUser = "ftp"

// prepare reads and checks everything that a server needs. Its error joins all
// that is wrong. The caller closes the buckets of the setup; there is none with
// an error. Before is the setup that this one is to replace, nil at the start.
func (p *program) prepare(ctx context.Context, f *serveFlags, before *setup) (*setup, error) {
	s, faults := &setup{file: f.file}, []error{checkUID(p.uid, f.allowRoot)}
	if before != nil {
		s.sockets, s.administration, s.traces = before.sockets, before.administration, before.traces
		s.confined.Store(before.confined.Load())
	}
	var err error
	s.config, err = f.load(p.environ)
	faults = append(faults, err)
	if s.config == nil {
		return nil, errors.Join(faults...)
	}
	if err == nil { // otherwise no slice could be made out
		err = s.keepSlice(p.variable(config.OrdinalVariable))
		faults = append(faults, err)
	}
	isWhole := err == nil // or it is not known what is needed
	faults = append(faults, s.openBuckets(ctx, before), s.addUsers(f))
	if err := s.outsideSandbox(); err != nil && isWhole { // which other faults may come from
		return nil, errors.Join(err, s.closeBuckets())
	}
	s.tls, err = loadTLS(s.config)
	faults = append(faults, err, s.addHostTLS(), s.checkHooks())
	if err := errors.Join(faults...); err != nil {
		return nil, errors.Join(err, s.closeBuckets())
	}
	return s, nil
}

// takeSockets takes over what a service manager, or a server that this process
// is to replace, has opened for it.
func (p *program) takeSockets() (*handedSockets, error) {
	files := handedFiles(p.handed())
	predecessor, err := meetPredecessor(&files)
	if err != nil {
		return nil, err
	}
	pidFile := files.cut(pidFileName)
	sockets, err := takeSockets(files)
	if err != nil {
		predecessor.failed(err)
		return nil, err
	}
	sockets.predecessor, sockets.pidFile = predecessor, pidFile
	return sockets, nil
}

// addUsers settles who can log in.
func (s *setup) addUsers(f *serveFlags) error {
	s.allow = driver.AllPermissions
	if f.readOnly {
		s.allow = driver.ReadOnly
	}
	faults := []error{s.standIn(f)}
	groups, groupsErr := s.driverGroups()
	users, usersErr := s.driverUsers("users", s.config.Users)
	faults = append(faults, groupsErr, usersErr, s.addHostUsers())
	if f.anonymous && f.directory != "" {
		users = append(users, anonymousUser(f.homeTemplate()))
		if err := checkDirectory(f.directory); err != nil {
			faults = append(faults, fmt.Errorf("DIR: %w", err))
		}
	}
	s.users, s.groups = users, groups
	return errors.Join(faults...)
}

// standIn adds a user with a new password for a directory that is to be served
// to nobody in particular.
func (s *setup) standIn(f *serveFlags) error {
	nobody := !s.hasUsers() && !f.namesUsers()
	switch {
	case nobody && f.directory == "":
		return &config.Fault{Key: "users", Problem: "is empty, so nobody could log in: add users to a configuration file and name it with --config, or serve one directory with portico serve DIR"}
	case !nobody && f.directory != "" && !f.namesUsers():
		return errors.New("DIR would be served to nobody, because the configuration has users with homes of their own: leave DIR out, or add --user NAME:PASSWORD or --anonymous")
	case !nobody:
		return nil
	}
	if f.generatedHash == "" {
		s.generated = generatePassword()
		hash, err := driver.HashPassword(s.generated)
		if err != nil {
			return err
		}
		f.generatedHash = hash // a reload must not shut him out
	}
	s.config.Users = []config.User{{Name: generatedUser, Password: config.Secret(f.generatedHash), Account: config.Account{Home: config.Path(f.homeTemplate()), Place: config.DefaultPlace()}}}
	return nil
}

func (s *setup) hasUsers() bool {
	return len(s.config.Users) > 0 || s.hasSources() || slices.ContainsFunc(s.config.Hosts, func(h config.Host) bool { return len(h.Users) > 0 })
}

func anonymousUser(home string) driver.User {
	return driver.User{Name: "anonymous", Anonymous: true, Home: home, Permissions: driver.ReadOnly}
}

// fault is what is wrong with a key, with the file or flag that set it.
func (s *setup) fault(key, format string, args ...any) error {
	return &config.Fault{Source: s.config.Source(key), Key: key, Problem: fmt.Sprintf(format, args...)}
}
