package driver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
)

// ErrInterruptedUpload says that a complete file stands beside an interrupted
// upload of the same name, and that it is not clear which of them a command
// means.
var ErrInterruptedUpload = errors.New("driver: an interrupted upload of this file is kept")

// Names of hidden files. What follows the prefix has a fixed length, so that a
// target's name may be as long as the system allows.
const (
	reservedPrefix = ".portico-upload-"
	workingSuffix  = ".tmp"  // an upload under way, or the process died
	partialSuffix  = ".part" // an interrupted upload
)

// workingName returns the name of the hidden file of an upload to name.
func workingName(name, unique string) string {
	return path.Join(path.Dir(name), reservedPrefix+strings.ToLower(unique)+workingSuffix)
}

// partialName returns the name under which the owner's interrupted upload of
// name is kept. It can be told from nothing else who that is.
func (u *Uploads) partialName(name string) string {
	name = ftpPath(name)
	digest := sha256.Sum256([]byte(u.owner + "\x00" + path.Base(name)))
	return path.Join(path.Dir(name), reservedPrefix+hex.EncodeToString(digest[:16])+partialSuffix)
}

// isReserved reports whether a name without slashes is one of a hidden file.
// Some file systems do not tell upper case from lower case.
func isReserved(name string) bool {
	return len(name) >= len(reservedPrefix) && strings.EqualFold(name[:len(reservedPrefix)], reservedPrefix)
}

// refuseReserved keeps clients away from hidden files: they are not there, and
// their names cannot be used.
func refuseReserved(op, name string, flag int) error {
	for part := range strings.SplitSeq(ftpPath(name), "/") {
		switch {
		case !isReserved(part):
		case flag&os.O_CREATE != 0:
			return fmt.Errorf("%s %q: %w: names that begin with %s are the server's own", op, path.Base(name), ftpserver.ErrFileNameNotAllowed, reservedPrefix)
		default:
			return &os.PathError{Op: op, Path: ftpPath(name), Err: os.ErrNotExist}
		}
	}
	return nil
}

// partial is what was kept of an interrupted upload.
type partial struct {
	name    string
	size    int64
	modTime time.Time
}

// partial finds what was kept of the owner's upload to name.
func (u *Uploads) partial(name string) (partial, bool) {
	kept := u.partialName(name)
	info, err := u.fs.Stat(kept)
	if err != nil || !info.Mode().IsRegular() {
		return partial{}, false
	}
	return partial{name: kept, size: info.Size(), modTime: info.ModTime()}, true
}

// partialOf finds what was kept of the owner's upload to a target, unless the
// target was replaced since.
func (u *Uploads) partialOf(target target) (partial, bool) {
	kept, found := u.partial(target.name)
	return kept, found && (!target.exists || !kept.modTime.Before(target.modTime))
}

func (p partial) ambiguous(name string) error {
	return fmt.Errorf("%s: %w beside the complete one: go on with it at %d or before, send the file from its start, or delete it",
		ftpPath(name), ErrInterruptedUpload, p.size)
}
