package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// release says which commit is built.
type release struct {
	Version string    // "v1.2.3", or a pseudo-version as the Go command makes it
	Commit  string    // whole hash
	Date    time.Time // of the commit, UTC
}

// describe asks git for what is not given. Epoch is Date, empty if not given.
func describe(ctx context.Context, source string, given release, epoch string) (release, error) {
	r := given
	if r.Commit == "" {
		commit, err := git(ctx, source, "rev-parse", "HEAD")
		if err != nil {
			return r, fmt.Errorf("%w: outside a repository, give -version, -commit and -date", err)
		}
		r.Commit = commit
	}
	if epoch == "" {
		var err error
		if epoch, err = git(ctx, source, "show", "-s", "--format=%ct", r.Commit); err != nil {
			return r, fmt.Errorf("%w: give -date", err)
		}
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return r, fmt.Errorf("-date (SOURCE_DATE_EPOCH): %q is no number of seconds", epoch)
	}
	r.Date = time.Unix(seconds, 0).UTC()
	if r.Version == "" {
		if r.Version, err = versionOf(ctx, source, r); err != nil {
			return r, err
		}
	}
	if !semver.IsValid(r.Version) {
		return r, fmt.Errorf("-version: %q is no version: write v1.2.3", r.Version)
	}
	return r, nil
}

// versionOf is the tag of the commit, or a pseudo-version that sorts behind the
// tag before it.
func versionOf(ctx context.Context, source string, r release) (string, error) {
	version, err := git(ctx, source, "describe", "--tags", "--exact-match", "--match", "v[0-9]*", r.Commit)
	if err != nil {
		before, _ := git(ctx, source, "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", r.Commit) // or there is none yet
		major := semver.Major(before)
		if major == "" {
			major = "v0"
		}
		version = module.PseudoVersion(major, before, r.Date, r.Commit[:min(12, len(r.Commit))])
	}
	changes, err := git(ctx, source, "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return "", err
	}
	if changes != "" {
		version += "+dirty"
	}
	return version, nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
