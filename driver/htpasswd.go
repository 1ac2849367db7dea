package driver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ReadHtpasswd reads a file as Apache's htpasswd makes it: a line NAME:HASH for
// each user; empty lines and those that start with # are passed over. Of its
// hashes bcrypt (htpasswd -B), SHA-crypt and what else CheckHash accepts are
// taken; MD5 (its default), SHA-1 and clear text are not. The error joins all
// faults; each names its line and does not repeat the hash.
func ReadHtpasswd(r io.Reader) ([]User, error) {
	var users []User
	var faults []error
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, err := parseHtpasswdLine(line)
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		users = append(users, user)
	}
	if err := lines.Err(); err != nil {
		faults = append(faults, err)
	}
	return users, errors.Join(faults...)
}

func parseHtpasswdLine(line string) (User, error) {
	name, hash, found := strings.Cut(line, ":")
	switch {
	case !found:
		return User{}, errors.New("there is no colon: write NAME:HASH")
	case name == "":
		return User{}, errors.New("the name is empty: write NAME:HASH")
	case strings.HasPrefix(hash, "$apr1$") || strings.HasPrefix(hash, "{SHA}"):
		return User{}, fmt.Errorf("the hash of %q is MD5 or SHA-1, which are guessed too fast: make a new one with htpasswd -B", name)
	}
	if err := CheckHash(hash); err != nil {
		return User{}, fmt.Errorf("the hash of %q: %w", name, err)
	}
	return User{Name: name, PasswordHash: hash}, nil
}
