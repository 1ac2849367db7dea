package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// shortestSecret is how many characters the key of signatures has at least:
// whoever sees a signature can try keys as fast as their machine can.
const shortestSecret = 16

const shortSecret = "has %d characters, which can be guessed: use at least %d (openssl rand -hex 32 makes some)"

// checkHooks reports what is wrong with the hooks, and starts none.
func (s *setup) checkHooks() error {
	var faults []error
	for i, h := range s.config.Hooks {
		faults = append(faults, s.checkHook(hookKey(i), h))
	}
	return errors.Join(faults...)
}

func (s *setup) checkHook(key string, h config.Hook) error {
	switch {
	case len(h.Command) > 0 && h.Command[0] != "":
		return s.checkHookCommand(key+".command", h.Command[0])
	case h.URL != "":
		_, err := s.hookSecret(key, h)
		return errors.Join(err, s.checkSpool(key+".spool", string(h.Spool)))
	default: // config has reported it
		return nil
	}
}

func (s *setup) checkHookCommand(key, name string) error {
	program, err := exec.LookPath(name)
	if err != nil {
		return s.fault(key, "%v: name a file that the user whom Portico runs as may execute, as [program, argument, ...]", err)
	}
	if owner := s.userWith(program, true); owner != "" {
		return s.fault(key, "%s lies where the user %s may write, who could put another program there: move it out of the homes and mounts", program, owner)
	}
	return nil
}

func (s *setup) checkSpool(key, spool string) error {
	if spool == "" { // config has reported it
		return nil
	}
	if owner := s.userWith(spool, false); owner != "" {
		return s.fault(key, "%s lies in a home or mount of the user %s, who could read the events there: name a directory elsewhere", spool, owner)
	}
	if err := tryToFill(spool); err != nil {
		return s.fault(key, "%v: name a directory that the user whom Portico runs as may write", err)
	}
	return nil
}

// hookSecret is the key of a webhook's signatures. Errors do not repeat it.
func (s *setup) hookSecret(key string, h config.Hook) (string, error) {
	key, secret := key+".secret", h.Secret.Reveal()
	if h.SecretFile != "" {
		key += "_file"
		content, err := os.ReadFile(string(h.SecretFile))
		if err != nil {
			return "", s.fault(key, "%v: name a file that the user whom Portico runs as can read", err)
		}
		secret = strings.TrimRight(string(content), "\r\n")
	}
	if len(secret) < shortestSecret && (secret != "" || h.SecretFile != "") {
		return "", s.fault(key, shortSecret, len(secret), shortestSecret)
	}
	return secret, nil
}

// userWith is a user in whose home or mounts the path lies, among those who may
// change something there or among all. Empty: nobody.
func (s *setup) userWith(path string, changing bool) string {
	all := slices.Clone(s.users)
	for _, h := range s.hosts {
		all = append(all, h.users...)
	}
	path = absolutePath(path)
	for _, u := range all {
		home := driver.UserMount{Storage: u.Storage, Permissions: u.Permissions}
		home.Storage.Dir = cmp.Or(u.Storage.Dir, u.Home)
		for _, m := range append([]driver.UserMount{home}, u.Mounts...) {
			if changing && m.Permissions&^driver.ReadOnly == 0 {
				continue
			}
			for _, template := range []string{m.Storage.Dir, m.Storage.Base} {
				// A link in the home could be made to lead to something else.
				dir, err := driver.ExpandDir(template, u.Name)
				if err != nil || dir == "" {
					continue
				}
				if dir = absolutePath(dir); isWithin(dir, path) || isWithin(resolved(dir), resolved(path)) {
					return u.Name
				}
			}
		}
	}
	return ""
}

func absolutePath(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil { // the working directory is gone
		return path
	}
	return absolute
}

// isWithin says whether the path is the directory or lies in it.
func isWithin(dir, path string) bool {
	inside, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(inside)
}

// resolved is an absolute path without the symbolic links in the part of it
// that exists.
func resolved(path string) string {
	missing := ""
	for dir := path; ; dir = filepath.Dir(dir) {
		if existing, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(existing, missing)
		}
		if dir == filepath.Dir(dir) {
			return path
		}
		missing = filepath.Join(filepath.Base(dir), missing)
	}
}

// tryToFill makes something in the directory, or in the nearest one above that
// exists, and leaves everything as it was.
func tryToFill(directory string) error {
	for {
		trial, err := os.MkdirTemp(directory, ".portico-check-")
		if err == nil {
			return os.Remove(trial)
		}
		above := filepath.Dir(directory)
		if !errors.Is(err, fs.ErrNotExist) || above == directory {
			return withoutTrial(directory, err)
		}
		directory = above
	}
}

// withoutTrial leaves the random name out of an error.
func withoutTrial(directory string, err error) error {
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		return fmt.Errorf("nothing can be made in %s: %w", directory, failed.Err)
	}
	return err
}

// addHooks reports on each hook.
func (s *setup) addHooks(r *report) {
	for i, h := range s.config.Hooks {
		detail := "the spool can be written"
		if len(h.Command) > 0 {
			detail = fmt.Sprintf("%s can be started", h.Command[0])
		}
		r.add(hookKey(i), fmt.Sprintf("%s: %s", strings.Join(h.Events, ", "), detail), s.checkHook(hookKey(i), h))
	}
}
