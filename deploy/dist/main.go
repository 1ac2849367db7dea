// Command dist makes what a release consists of: an archive for each platform,
// packages for Debian and for distributions with RPM, a list of the modules in
// each binary (CycloneDX), and SHA256SUMS. `make dist` runs it.
//
// The same commit gives the same bytes, wherever and whenever it is built: no
// path, no clock and no user is in them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("dist", flag.ContinueOnError)
	source := flags.String("source", "../..", "work tree of the server")
	out := flags.String("out", "../../bin/dist", "directory for the results; those of an earlier run go")
	list := flags.String("platforms", strings.Join(allPlatforms(), ","), "GOOS/GOARCH,…")
	given := release{}
	flags.StringVar(&given.Version, "version", "", "instead of what git says")
	flags.StringVar(&given.Commit, "commit", "", "instead of what git says")
	epoch := flags.String("date", os.Getenv("SOURCE_DATE_EPOCH"), "of the commit, in seconds since 1970 (SOURCE_DATE_EPOCH); instead of what git says")
	if err := flags.Parse(args); err != nil {
		return err
	}
	platforms, err := parsePlatforms(*list)
	if err != nil {
		return err
	}
	r, err := describe(ctx, *source, given, *epoch)
	if err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", "portico-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	d := &distribution{release: r, source: *source, out: *out, stage: stage}
	return d.make(ctx, platforms)
}

// distribution is what is made of one commit.
type distribution struct {
	release release
	source  string // directory of the server's go.mod
	out     string // for results
	stage   string // for what goes into them
}

func (d *distribution) make(ctx context.Context, platforms []platform) error {
	for _, dir := range []*string{&d.source, &d.out} {
		absolute, err := filepath.Abs(*dir)
		if err != nil {
			return err
		}
		*dir = absolute
	}
	if err := emptyDirectory(d.out); err != nil {
		return err
	}
	if err := d.addCommon(ctx); err != nil {
		return err
	}
	for _, p := range platforms {
		fmt.Println(p)
		if err := d.addPlatform(ctx, p); err != nil {
			return fmt.Errorf("%v: %w", p, err)
		}
	}
	return writeSums(d.out)
}

// emptyDirectory makes the directory for the results, and drops those of an
// earlier run. What is not such a directory is left alone.
func emptyDirectory(dir string) error {
	files, err := os.ReadDir(dir)
	if err == nil && len(files) > 0 {
		if _, err := os.Stat(filepath.Join(dir, sumsFile)); err != nil {
			return fmt.Errorf("-out: %s has something else in it, no %s: name another directory", dir, sumsFile)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// An interrupted run leaves a directory that the next one may empty.
	return os.WriteFile(filepath.Join(dir, sumsFile), nil, 0o644)
}

func (d *distribution) addPlatform(ctx context.Context, p platform) error {
	dir := filepath.Join(d.stage, p.name())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	binary := filepath.Join(dir, p.binary())
	if err := d.build(ctx, p, binary); err != nil {
		return err
	}
	bill := filepath.Join(dir, "portico.cdx.json")
	if err := d.listModules(ctx, binary, bill); err != nil {
		return err
	}
	if err := d.archive(p, d.contents(p, binary, bill)); err != nil {
		return err
	}
	if p.os != "linux" {
		return nil
	}
	for _, format := range []string{"deb", "rpm"} {
		if err := d.pack(p, format, dir); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}
