package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// archived is a file as it comes out of an archive.
type archived struct {
	name, text string
	mode       fs.FileMode
	date       string
}

func TestArchivesGiveBackWhatWentIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	entries := []entry{{"portico", filepath.Join(dir, "binary"), 0o755}, {"man/portico.1", filepath.Join(dir, "page"), 0o644}}
	for _, e := range entries {
		if err := os.WriteFile(e.from, []byte("text of "+e.name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	date := time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)
	want := fmt.Sprint([]archived{
		{"portico_1.2.3/portico", "text of portico", 0o755, "2026-01-02T03:04:06Z"},
		{"portico_1.2.3/man/portico.1", "text of man/portico.1", 0o644, "2026-01-02T03:04:06Z"},
	})
	for name, format := range map[string]struct {
		write func(io.Writer, string, []entry, time.Time) error
		read  func([]byte) ([]archived, error)
	}{"tar": {writeTar, readTar}, "zip": {writeZip, readZip}} {
		var first, second bytes.Buffer
		if err := errors.Join(format.write(&first, "portico_1.2.3", entries, date), format.write(&second, "portico_1.2.3", entries, date)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: the second is another", name)
		}
		if got, err := format.read(first.Bytes()); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v\ngot  %v\nwant %v", name, err, got, want)
		}
	}
}

func readTar(text []byte) (files []archived, err error) {
	plain, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		files = append(files, archived{header.Name, string(content), header.FileInfo().Mode(), header.ModTime.UTC().Format(time.RFC3339)})
	}
}

func readZip(text []byte) (files []archived, err error) {
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	for _, f := range archive.File {
		opened, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(opened)
		if err != nil {
			return nil, err
		}
		files = append(files, archived{f.Name, string(content), f.Mode(), f.Modified.UTC().Format(time.RFC3339)})
	}
	return files, nil
}

func TestOnlyResultsAreReplaced(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "out")
	foreign := filepath.Join(dir, "letter.txt")
	if err := emptyDirectory(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := emptyDirectory(dir); err != nil {
		t.Errorf("results of an earlier run: %v", err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, sumsFile)), os.WriteFile(foreign, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := emptyDirectory(dir); err == nil || !strings.Contains(err.Error(), "something else in it") {
		t.Errorf("a directory of somebody else's: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}
