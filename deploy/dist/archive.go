package main

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name string // slashes, below the archive's only directory
	from string
	mode fs.FileMode
}

// contents are the files of a platform's archive.
func (d *distribution) contents(p platform, binary, bill string) []entry {
	in := func(parts ...string) string { return filepath.Join(append([]string{d.source}, parts...)...) }
	entries := []entry{
		{p.binary(), binary, 0o755},
		{"portico.cdx.json", bill, 0o644},
		{"LICENSE", in("LICENSE"), 0o644},
		{"README.md", in("README.md"), 0o644},
		{"CHANGELOG.md", in("CHANGELOG.md"), 0o644},
		{"portico.example.yaml", in("config", "example.yaml"), 0o644},
		{"man/portico.1", in("docs", "portico.1"), 0o644},
		{"man/portico.yaml.5", in("docs", "portico.yaml.5"), 0o644},
	}
	for _, shell := range shells() {
		entries = append(entries, entry{"completions/portico." + shell, d.completion(shell), 0o644})
	}
	if p.os == "linux" {
		for _, name := range []string{"portico.service", "portico.socket", "portico-bans.service", "portico-bans.path", "source-port-20.conf"} {
			entries = append(entries, entry{"systemd/" + name, in("deploy", "systemd", name), 0o644})
		}
		entries = append(entries, entry{"logrotate/portico", in("deploy", "logrotate", "portico"), 0o644},
			entry{"nftables/portico-bans.nft", in("deploy", "nftables", "portico-bans.nft"), 0o644})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return entries
}

// archive writes a .zip for Windows, and .tar.gz for the others.
func (d *distribution) archive(p platform, entries []entry) error {
	top := fmt.Sprintf("portico_%s_%s", strings.TrimPrefix(d.release.Version, "v"), p.name())
	write, suffix := writeTar, ".tar.gz"
	if p.os == "windows" {
		write, suffix = writeZip, ".zip"
	}
	file, err := os.Create(filepath.Join(d.out, top+suffix))
	if err != nil {
		return err
	}
	if err := write(file, top, entries, d.release.Date); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

func writeTar(to io.Writer, top string, entries []entry, date time.Time) error {
	compressed, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, e := range entries {
		text, err := os.ReadFile(e.from)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: path.Join(top, e.name), Size: int64(len(text)), Mode: int64(e.mode), ModTime: date, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(text); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return compressed.Close()
}

func writeZip(to io.Writer, top string, entries []entry, date time.Time) error {
	archive := zip.NewWriter(to)
	for _, e := range entries {
		text, err := os.ReadFile(e.from)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: path.Join(top, e.name), Method: zip.Deflate, Modified: date}
		header.SetMode(e.mode)
		file, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := file.Write(text); err != nil {
			return err
		}
	}
	return archive.Close()
}

// sumsFile is named and written for sha256sum --check.
const sumsFile = "SHA256SUMS"

func writeSums(dir string) error {
	files, err := os.ReadDir(dir) // sorted
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, f := range files {
		if f.Name() == sumsFile {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(text), f.Name())
	}
	return os.WriteFile(filepath.Join(dir, sumsFile), []byte(sums.String()), 0o644)
}
