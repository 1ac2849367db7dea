package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// What a release build says of itself. The linker sets these (-X main.version=…,
// as deploy/dist and the Dockerfile do): a source archive, the context of an
// image and a work tree have no repository that the compiler could read. Empty:
// what the compiler knows counts.
var version, commit, commitDate string

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and its date",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, thisBuild())
			return err
		},
	}
}

// build is what is known of where a binary comes from.
type build struct {
	version string // never empty
	commit  string // empty: not known
	date    string // of the commit, RFC 3339. Empty: not known
}

// String is the line of `portico version`.
func (b build) String() string {
	var facts []string
	if b.commit != "" {
		facts = append(facts, "commit "+b.commit)
	}
	if b.date != "" {
		facts = append(facts, b.date)
	}
	facts = append(facts, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
	return fmt.Sprintf("portico %s (%s)", b.version, strings.Join(facts, ", "))
}

// thisBuild is what the linker was told, or else what the compiler has found.
func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	b := compiled(info)
	if version != "" {
		b = build{version: version, commit: commit, date: commitDate}
	}
	return b
}

// compiled is what the compiler has found: the version of the module, if it was
// installed as such or a repository says so, and the state of that.
func compiled(info *debug.BuildInfo) build {
	b := build{version: info.Main.Version}
	modified := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.commit = s.Value
		case s.Key == "vcs.time":
			b.date = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+dirty"
		}
	}
	if b.version == "" || b.version == "(devel)" {
		b.version = "devel" + modified
	}
	return b
}

// buildVersion is the version alone, for logs and metrics.
func buildVersion() string { return thisBuild().version }
