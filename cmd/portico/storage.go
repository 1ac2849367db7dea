package main

import (
	"errors"
	"fmt"
	"os"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// homeOf is a home in the form of a mount.
func homeOf(a config.Account) config.Mount {
	return config.Mount{Path: "/", Dir: a.Home, Create: a.CreateHome, Place: a.Place}
}

// userMounts turns the mounts of a user into those of the driver. The error
// joins what config cannot know to be wrong.
func (s *setup) userMounts(list, user string, configured []config.Mount) ([]driver.UserMount, error) {
	var mounts []driver.UserMount
	var faults []error
	for i, m := range configured {
		mount, err := s.userMount(fmt.Sprintf("%s[%d]", list, i), user, m)
		faults = append(faults, err)
		mounts = append(mounts, mount)
	}
	return mounts, errors.Join(faults...)
}

// userMount does that for one, or for the home.
func (s *setup) userMount(key, user string, m config.Mount) (driver.UserMount, error) {
	if m.Storage == "object" {
		return s.objectMount(key, user, m)
	}
	mount := driver.UserMount{Path: m.Path, Storage: driver.Storage{Dir: string(m.Dir), Base: string(m.Base), Create: m.Create}}
	var faults []error
	check := func(key string, err error) {
		if err != nil {
			faults = append(faults, s.fault(key, "%v", err))
		}
	}
	var err error
	mount.Permissions, err = parsePermissions(m.Permissions)
	check(key+".permissions", err)
	check(key+".storage", mount.Storage.Kind.UnmarshalText([]byte(m.Storage)))
	check(key+".symlinks", mount.Storage.Local.Links.UnmarshalText([]byte(m.Symlinks)))
	check(key+".uploads", mount.Uploads.Mode.UnmarshalText([]byte(m.Uploads)))
	if mask, set := m.Umask.Mode(); set {
		mount.Storage.Local.Umask = &mask
	}
	mount.Uploads.Durable, mount.Uploads.KeepPartials = m.Durable, orOff(m.KeepPartials)
	check(key+"."+dirKey(m), checkUserDirectory(string(m.Dir), user, m.Create))
	check(key+".base", checkUserDirectory(string(m.Base), user, false))
	return mount, errors.Join(faults...)
}

// objectMount is userMount for a bucket: the other settings are for directories.
func (s *setup) objectMount(key, user string, m config.Mount) (driver.UserMount, error) {
	permissions, err := parsePermissions(m.Permissions)
	if err != nil {
		err = s.fault(key+".permissions", "%v", err)
	}
	storage, storageErr := s.objectStorage(key, user, m.Place)
	return driver.UserMount{Path: m.Path, Storage: storage, Permissions: permissions}, errors.Join(err, storageErr)
}

// dirKey is the name of the key that holds the directory.
func dirKey(m config.Mount) string {
	if m.Path == "/" {
		return "home"
	}
	return "dir"
}

// checkUserDirectory reports a directory that a user could not have. An empty
// one is config's business, and one that will be made, or is that of a group, the
// driver's.
func checkUserDirectory(template, user string, create bool) error {
	if template == "" || user == "" {
		return nil
	}
	directory, err := driver.ExpandDir(template, user)
	if err != nil {
		return err
	}
	if _, err := os.Stat(directory); create && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return checkDirectory(directory)
}

// unsafeLinks are the keys that let symbolic links lead anywhere.
func (s *setup) unsafeLinks() []string {
	keys := unsafeLinksOfUsers("users", s.config.Users)
	for i, group := range s.config.Groups {
		keys = append(keys, unsafeLinksOf(fmt.Sprintf("groups[%d]", i), group.Account)...)
	}
	for i, host := range s.config.Hosts {
		keys = append(keys, unsafeLinksOfUsers(hostSection(i)+".users", host.Users)...)
	}
	return keys
}

func unsafeLinksOfUsers(list string, users []config.User) []string {
	var keys []string
	for i, u := range users {
		keys = append(keys, unsafeLinksOf(fmt.Sprintf("%s[%d]", list, i), u.Account)...)
	}
	return keys
}

func unsafeLinksOf(key string, a config.Account) []string {
	var keys []string
	if a.Symlinks == driver.LinksAnywhere.String() {
		keys = append(keys, key+".symlinks")
	}
	for j, m := range a.Mounts {
		if m.Symlinks == driver.LinksAnywhere.String() {
			keys = append(keys, fmt.Sprintf("%s.mounts[%d].symlinks", key, j))
		}
	}
	return keys
}

const unsafeLinksProblem = "anywhere is not safe: whoever can make a symbolic link in the directory has clients read and write all that this process may; write inside"

func (s *setup) logUnsafeLinks(log *zap.Logger) {
	for _, key := range s.unsafeLinks() {
		log.Warn("symbolic links are followed anywhere", zap.String("setting", key), zap.String("problem", unsafeLinksProblem))
	}
}

func (r *report) addUnsafeLinks(keys []string) {
	for _, key := range keys {
		r.Checks = append(r.Checks, outcome{Check: "users", OK: true, Severity: "warning", Detail: key + ": " + unsafeLinksProblem})
	}
}
