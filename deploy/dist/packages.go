package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // a packager
	_ "github.com/goreleaser/nfpm/v2/rpm" // a packager
)

// shells are those that completions are made for.
func shells() []string { return []string{"bash", "zsh", "fish"} }

func (d *distribution) completion(shell string) string {
	return filepath.Join(d.stage, "portico."+shell)
}

// addCommon stages what no platform has for itself: completions, which a binary
// for this machine writes, compressed pages, and units that name /usr/bin.
func (d *distribution) addCommon(ctx context.Context) error {
	binary := filepath.Join(d.stage, "native", native().binary())
	if err := d.build(ctx, native(), binary); err != nil {
		return err
	}
	for _, shell := range shells() {
		text, err := exec.CommandContext(ctx, binary, "completion", shell).Output()
		if err != nil {
			return fmt.Errorf("portico completion %s: %w", shell, err)
		}
		if err := os.WriteFile(d.completion(shell), text, 0o644); err != nil {
			return err
		}
	}
	for _, page := range []string{"docs/portico.1", "docs/portico.yaml.5", "CHANGELOG.md"} {
		if err := d.compress(page); err != nil {
			return err
		}
	}
	for _, unit := range []string{"portico.service", "portico-bans.service"} {
		text, err := os.ReadFile(filepath.Join(d.source, "deploy", "systemd", unit))
		if err != nil {
			return err
		}
		text = bytes.ReplaceAll(text, []byte("/usr/local/bin/portico"), []byte("/usr/bin/portico"))
		if err := os.WriteFile(filepath.Join(d.stage, unit), withoutHints(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// withoutHints drops the comment at the head of a unit up to its first section:
// it says how to install what a package has installed.
func withoutHints(unit []byte) []byte {
	return unit[max(0, bytes.Index(unit, []byte("[Unit]"))):]
}

func (d *distribution) compress(page string) error {
	text, err := os.ReadFile(filepath.Join(d.source, page))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := compressed.Write(text); err != nil {
		return err
	}
	if err := compressed.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.stage, filepath.Base(page)+".gz"), out.Bytes(), 0o644)
}

// pack writes a package, as linux/nfpm.yaml describes it.
func (d *distribution) pack(p platform, format, binaries string) error {
	variables := map[string]string{
		"VERSION": strings.TrimPrefix(d.release.Version, "v"), "ARCH": p.arch,
		"SOURCE": d.source, "STAGE": d.stage, "BINARIES": binaries, "FORMAT": format,
	}
	var unknown []string
	description, err := nfpm.ParseFileWithEnvMapping(filepath.Join(d.source, "deploy", "dist", "linux", "nfpm.yaml"), func(name string) string {
		if _, known := variables[name]; !known && !strings.HasPrefix(name, "NFPM_") {
			unknown = append(unknown, name)
		}
		return variables[name]
	})
	if err != nil {
		return err
	}
	if unknown != nil {
		return fmt.Errorf("nfpm.yaml names what is not set: %s", strings.Join(unknown, ", "))
	}
	info, err := description.Get(format)
	if err != nil {
		return err
	}
	for _, script := range []*string{&info.Scripts.PreInstall, &info.Scripts.PostInstall, &info.Scripts.PreRemove, &info.Scripts.PostRemove} {
		if *script != "" {
			*script = filepath.Join(d.source, "deploy", "dist", *script)
		}
	}
	info.MTime = d.release.Date
	info = nfpm.WithDefaults(info)
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(d.out, packager.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	if err := packager.Package(info, file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
