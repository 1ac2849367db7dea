package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// followedList is a Source that reads its file again when that has changed.
type followedList struct{ *followed[driver.List] }

// Find implements driver.Source.
func (f followedList) Find(ctx context.Context, attempt driver.Attempt) (*driver.Found, error) {
	return f.get().Find(ctx, attempt)
}

// Users returns all users of the file.
func (f followedList) Users() []driver.User { return f.get().Users() }

// openUsersFile opens auth.file.
func (s *setup) openUsersFile(log *zap.Logger) (driver.Source, func() error, error) {
	file := string(s.config.Auth.File.Path)
	return s.followList(file, log, func() ([]driver.User, error) {
		users, err := s.config.LoadUsers(file)
		if err != nil {
			return nil, err
		}
		in := &setup{config: s.config.WithUsers(users, file)}
		list, err := in.driverUsers("users", users)
		if outside := s.outside(list); outside != nil { // says more than that they cannot be opened
			return nil, outside
		}
		return list, err
	})
}

// openHtpasswd opens auth.htpasswd.
func (s *setup) openHtpasswd(log *zap.Logger) (driver.Source, func() error, error) {
	file := string(s.config.Auth.Htpasswd.Path)
	return s.followList(file, log, func() ([]driver.User, error) {
		content, err := os.Open(file)
		if err != nil {
			return nil, s.fault("auth.htpasswd.path", "%v", err)
		}
		defer content.Close()
		users, err := driver.ReadHtpasswd(content)
		if err != nil {
			return nil, &config.Fault{Source: file, Problem: err.Error()}
		}
		for i := range users {
			users[i].Groups = s.config.Auth.Htpasswd.Groups
		}
		return users, nil
	})
}

// followList reads a list of users, whose file has to be right now, and follows
// the file.
func (s *setup) followList(file string, log *zap.Logger, read func() ([]driver.User, error)) (driver.Source, func() error, error) {
	log = log.With(zap.String("file", file))
	f := &followed[driver.List]{
		what:  "file of users",
		files: []string{file},
		read:  func() (*driver.List, error) { return newList(file, read) },
		now:   time.Now,
		log:   log,
		tell: func(_, current *driver.List) {
			log.Info("file of users reloaded", zap.Int("users", len(current.Users())))
		},
	}
	f.seen = statAll(f.files) // before it is read
	list, err := f.read()
	if err != nil {
		return nil, nil, err
	}
	f.current.Store(list)
	return followedList{f}, nil, nil
}

func newList(file string, read func() ([]driver.User, error)) (*driver.List, error) {
	users, err := read()
	if err != nil {
		return nil, err
	}
	list, err := driver.NewList(users)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}
