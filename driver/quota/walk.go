package quota

import (
	"context"
	"errors"
	"io"
	"os"
	"path"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// walkBatch is how many entries of a directory are read together, where the
// operating system reads it.
const walkBatch = 1024

// walk adds a file, or a directory with all that is in it, to usage.
func walk(ctx context.Context, storage afero.Fs, name string, usage *Usage) error {
	info, err := driver.Lstat(storage, name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	usage.add(info)
	if !info.IsDir() {
		return nil
	}
	return walkDir(ctx, storage, name, usage)
}

func (u *Usage) add(info os.FileInfo) {
	u.Files++
	u.Bytes += sizeOf(info)
}

// sizeOf returns what a file counts.
func sizeOf(info os.FileInfo) int64 {
	if info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

func walkDir(ctx context.Context, storage afero.Fs, name string, usage *Usage) error {
	dir, err := storage.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // opened to be read: nothing can be lost
	batch := walkBatch
	if driver.OSFile(dir) == nil {
		batch = -1 // other layers have it in memory anyway
	}
	for {
		entries, err := dir.Readdir(batch)
		for _, info := range entries {
			if ctx.Err() != nil {
				return nil // measure tells
			}
			usage.add(info)
			if info.IsDir() {
				if err := walkDir(ctx, storage, path.Join(name, info.Name()), usage); err != nil {
					return err
				}
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case batch < 0, len(entries) == 0:
			return nil
		}
	}
}
