package sharedfile_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/portico-ftp/portico/internal/sharedfile"
)

func TestEditsAreNotLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "count")
	increment := func(content []byte) ([]byte, error) {
		n, _ := strconv.Atoi(string(content))
		return []byte(strconv.Itoa(n + 1)), nil
	}
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 5 {
				if err := sharedfile.Edit(t.Context(), path, increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if got, err := os.ReadFile(path); err != nil || string(got) != "40" {
		t.Errorf("got %q, %v, want 40", got, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("beside the file and its lock there is something: %v, %v", entries, err)
	}
}

func TestEditKeepsTheMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := sharedfile.Edit(t.Context(), path, func(content []byte) ([]byte, error) { return bytes.ToUpper(content), nil })
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, %v, want the mode -rw-------", info, err, statErr)
	}
}

func TestEditThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	err := sharedfile.Edit(t.Context(), path, func([]byte) ([]byte, error) { return nil, refused })
	if got, _ := os.ReadFile(path); !errors.Is(err, refused) || string(got) != "old" {
		t.Errorf("got %q, %v, want the old content and the error", got, err)
	}
}

func TestEditWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	err := sharedfile.Edit(t.Context(), path, func([]byte) ([]byte, error) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		err := sharedfile.Edit(ended, path, func([]byte) ([]byte, error) { return nil, nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a second edit: %v, want context.Canceled", err)
		}
		return []byte("new"), nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEditNeedsTheDirectory(t *testing.T) {
	t.Parallel()
	err := sharedfile.Edit(t.Context(), filepath.Join(t.TempDir(), "none", "file"), nil)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want one that wraps ErrNotExist", err)
	}
}
