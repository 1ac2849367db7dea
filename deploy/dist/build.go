package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// platform is what a binary is for.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

func (p platform) name() string { return p.os + "_" + p.arch }

func (p platform) binary() string {
	if p.os == "windows" {
		return "portico.exe"
	}
	return "portico"
}

func allPlatforms() []string {
	var all []string
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		all = append(all, system+"/amd64", system+"/arm64")
	}
	return all
}

func parsePlatforms(list string) ([]platform, error) {
	var platforms []platform
	for text := range strings.SplitSeq(list, ",") {
		if !slices.Contains(allPlatforms(), text) {
			return nil, fmt.Errorf("-platforms: %q is none of %s", text, strings.Join(allPlatforms(), ", "))
		}
		system, arch, _ := strings.Cut(text, "/")
		platforms = append(platforms, platform{system, arch})
	}
	return platforms, nil
}

// buildFlags are those of every release, of the image as well: no path of this
// machine in the binary, no tables for debuggers, and time zones, which neither
// an empty image nor Windows has. The repository is left out, because there is
// none in a source archive; the linker is told instead.
func buildFlags(r release) []string {
	stamp := fmt.Sprintf("-s -w -X main.version=%s -X main.commit=%s -X main.commitDate=%s", r.Version, r.Commit, r.Date.Format(time.RFC3339))
	return []string{"-trimpath", "-buildvcs=false", "-tags=timetzdata", "-ldflags=" + stamp}
}

func (d *distribution) build(ctx context.Context, p platform, binary string) error {
	args := append([]string{"build", "-o", binary}, buildFlags(d.release)...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/portico")...)
	cmd.Dir = d.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// native is the machine that runs this.
func native() platform { return platform{runtime.GOOS, runtime.GOARCH} }

// listModules writes the software bill of materials. It says what the binary
// says of itself, so no module that was not linked is in it.
func (d *distribution) listModules(ctx context.Context, binary, to string) error {
	cmd := exec.CommandContext(ctx, "go", "tool", "cyclonedx-gomod", "bin", "-json", "-std", "-noserial", "-notimestamp",
		"-version", d.release.Version, "-output", to, binary)
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cyclonedx-gomod: %w\n%s", err, out)
	}
	return nil
}
