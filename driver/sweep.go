package driver

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"time"
)

// Swept is what a sweep has removed.
type Swept struct {
	// Files is a number of hidden files, Bytes is what they held.
	Files, Bytes int64
}

// sweepBatch is how many entries of a directory are looked at together, where
// the operating system reads it: a sweep's memory does not grow with the
// directory. Other layers have it in memory anyway, and afero's own cannot go
// on reading after something was removed.
const sweepBatch = 1024

// Sweep removes what interrupted uploads of all owners, and uploads of killed
// processes, have left and what has not grown for longer than
// UploadOptions.KeepPartials at the time now. It looks through all directories
// of the layer below, and follows no symbolic links; the caller decides how
// often that is worth it. It is safe while uploads run, in this process and in
// others, as long as none pauses for so long.
//
// The error joins what could not be read or removed; the sweep goes on behind
// it. When ctx is done, the sweep ends with its error.
func (u *Uploads) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	if _, itself := u.fs.(Uploader); itself || u.opts.KeepPartials < 0 {
		return Swept{}, nil
	}
	sweep := &sweep{uploads: u, ctx: ctx, before: now.Add(-u.opts.KeepPartials)}
	sweep.dir("/")
	return sweep.done, errors.Join(append(sweep.faults, ctx.Err())...)
}

// sweep is one run of Sweep.
type sweep struct {
	uploads *Uploads
	ctx     context.Context //nolint:containedctx // it lives as long as the call
	before  time.Time
	done    Swept
	faults  []error
}

func (s *sweep) dir(name string) {
	err := s.uploads.eachEntry(name, func(info os.FileInfo) error {
		switch at := path.Join(name, info.Name()); {
		case info.IsDir():
			s.dir(at)
		case isHidden(info) && info.ModTime().Before(s.before):
			s.remove(at, info)
		}
		return s.ctx.Err()
	})
	// What is gone needs no sweeping, and what ended the sweep is told once.
	if err != nil && s.ctx.Err() == nil && !errors.Is(err, os.ErrNotExist) {
		s.faults = append(s.faults, err)
	}
}

func (s *sweep) remove(name string, info os.FileInfo) {
	err := s.uploads.fs.Remove(name)
	switch {
	case err == nil:
		s.done.Files++
		s.done.Bytes += info.Size()
	case !errors.Is(err, os.ErrNotExist):
		s.faults = append(s.faults, err)
	}
}

// isHidden reports whether an entry is a file that this layer has made. Others
// may have brought directories of such names.
func isHidden(info os.FileInfo) bool {
	name := info.Name()
	return info.Mode().IsRegular() && isReserved(name) && (strings.HasSuffix(name, workingSuffix) || strings.HasSuffix(name, partialSuffix))
}

// eachEntry calls visit with all that is in a directory, hidden or not.
func (u *Uploads) eachEntry(name string, visit func(os.FileInfo) error) error {
	dir, err := u.fs.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // opened to be read: nothing can be lost
	batch := sweepBatch
	if OSFile(dir) == nil {
		batch = -1
	}
	for {
		entries, err := dir.Readdir(batch)
		for _, info := range entries {
			if err := visit(info); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return inFTP("list", name, err)
		case batch < 0, len(entries) == 0:
			return nil
		}
	}
}

// dropHidden removes interrupted uploads from a directory, and uploads that
// nobody can be writing any more. It reports whether nothing else is there.
func (u *Uploads) dropHidden(name string) bool {
	var found []string
	err := u.eachEntry(name, func(info os.FileInfo) error {
		abandoned := strings.HasSuffix(info.Name(), partialSuffix) ||
			u.opts.KeepPartials > 0 && info.ModTime().Before(u.opts.Now().Add(-u.opts.KeepPartials))
		if !isHidden(info) || !abandoned {
			return os.ErrExist
		}
		found = append(found, path.Join(name, info.Name()))
		return nil
	})
	if err != nil {
		return false
	}
	for _, hidden := range found {
		if err := u.fs.Remove(hidden); err != nil && !errors.Is(err, os.ErrNotExist) {
			return false
		}
	}
	return true
}
