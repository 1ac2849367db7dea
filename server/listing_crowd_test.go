package server

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// crowdedFs has a directory of many entries, which is quicker than making them.
type crowdedFs struct {
	afero.Fs
	entries []os.FileInfo
}

func (f crowdedFs) Open(name string) (afero.File, error) {
	file, err := f.Fs.Open(name)
	return crowdedDir{file, f.entries}, err
}

type crowdedDir struct {
	afero.File
	entries []os.FileInfo
}

func (d crowdedDir) Readdir(int) ([]os.FileInfo, error) { return slices.Clone(d.entries), nil }

func (d crowdedDir) Readdirnames(int) (names []string, err error) {
	for _, entry := range d.entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

// namedInfo is a file that differs from another in its name.
type namedInfo struct {
	os.FileInfo
	name string
}

func (i namedInfo) Name() string { return i.name }

// No entry is lost, cut or out of order, wherever blocks end.
func TestListingOf100000Entries(t *testing.T) {
	t.Parallel()
	const entries = 100_000
	fs := crowdedFs{Fs: afero.NewMemMapFs()}
	afero.WriteFile(fs, "/one", nil, 0o644)
	one, err := fs.Stat("/one")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range rand.Perm(entries) {
		fs.entries = append(fs.entries, namedInfo{one, fmt.Sprintf("%06d", i)})
	}
	for _, verb := range []string{"LIST", "MLSD", "NLST"} {
		l := &listing{verb: verb, dir: "/", facts: allFacts, now: time.Now()}
		file, err := l.open(driver.NewFS(fs))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(onlyReader{file})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(content), "\r\n"), "\r\n")
		if len(lines) != entries {
			t.Fatalf("%s: %d entries, want %d", verb, len(lines), entries)
		}
		for i, line := range lines {
			if !strings.HasSuffix(line, fmt.Sprintf("%06d", i)) {
				t.Fatalf("%s: line %d is %q", verb, i, line)
			}
		}
	}
}
