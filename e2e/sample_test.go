//go:build unix

package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// sample is a file of random bytes.
type sample struct {
	path string
	size int64
	sum  [sha256.Size]byte
}

func writeSample(path string, size int64) (sample, error) {
	f, err := os.Create(path)
	if err != nil {
		return sample{}, err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, hash), rand.Reader, size); err != nil {
		return sample{}, err
	}
	return sample{path, size, [sha256.Size]byte(hash.Sum(nil))}, f.Close()
}

func newSample(t *testing.T, size int64) sample {
	t.Helper()
	s, err := writeSample(filepath.Join(t.TempDir(), "sample.bin"), size)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func largeSample(t *testing.T) sample {
	t.Helper()
	s, err := suite.large()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// head copies the first n bytes of the sample into a new file.
func (s sample) head(t *testing.T, path string, n int64) {
	t.Helper()
	from, err := os.Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if _, err := io.CopyN(to, from, n); err != nil {
		t.Fatal(err)
	}
}

// check fails the test unless the file at path is a copy of the sample.
func (s sample) check(t *testing.T, what, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, f)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if got := [sha256.Size]byte(hash.Sum(nil)); got != s.sum {
		t.Errorf("%s: %d bytes with SHA-256 %x, want %d with %x", what, n, got, s.size, s.sum)
	}
}
