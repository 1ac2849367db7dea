package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/portico-ftp/portico/driver"
)

// sessionFS is what a session and its engine see of an account's files: the
// account's own, with listings as files to download, and with the transfer type,
// the file structure, REST and SITE UMASK of the session applied.
type sessionFS struct {
	*driver.FS
	session *session
}

// The engine finds these by type assertion.
var (
	_ ftpserver.ClientDriver                        = (*sessionFS)(nil)
	_ ftpserver.ClientDriverExtensionFileList       = (*sessionFS)(nil)
	_ ftpserver.ClientDriverExtensionRemoveDir      = (*sessionFS)(nil)
	_ ftpserver.ClientDriverExtensionAvailableSpace = (*sessionFS)(nil)
)

// refusal is an error with the reply that fits it better than the engine's.
type refusal struct {
	reply
	cause error
}

func (r *refusal) Error() string { return r.text }

func (r *refusal) Unwrap() error { return r.cause }

func refuse(code int, text string, cause error) error {
	return &refusal{reply: reply{code: code, text: text, last: true}, cause: cause}
}

// open opens what a transfer moves.
func (f *sessionFS) open(t *transfer) (ftpserver.FileTransfer, error) {
	switch t.direction() {
	case DirectionListing:
		return t.listing.open(f.FS)
	case DirectionDownload:
		return f.openDownload(t)
	default:
		return f.openUpload(t)
	}
}

func (f *sessionFS) openDownload(t *transfer) (ftpserver.FileTransfer, error) {
	handle, err := f.GetHandle(t.path, os.O_RDONLY, t.offset)
	if err != nil {
		return nil, err
	}
	if t.offset > 0 {
		if err := seekWithin(handle, t.offset); err != nil {
			return nil, errors.Join(err, handle.Close())
		}
	}
	if sized, ok := handle.(interface{ Size() int64 }); ok {
		t.mu.Lock()
		t.size = sized.Size()
		t.mu.Unlock()
	}
	return t.form.encode(handle), nil
}

// seekWithin starts a transfer where REST says (RFC 3659 §5.3).
func seekWithin(file io.Seeker, offset int64) error {
	end, err := file.Seek(0, io.SeekEnd)
	if err == nil && offset > end {
		return refuseOffset(offset)
	}
	if err == nil {
		_, err = file.Seek(offset, io.SeekStart)
	}
	return err
}

func refuseOffset(offset int64) error {
	return refuse(554, fmt.Sprintf("REST %d is beyond the end of the file.", offset), nil)
}

// uploadFlags say how the file of a command is opened.
func uploadFlags(verb string, offset int64) int {
	flags := os.O_WRONLY | os.O_CREATE
	switch {
	case verb == "APPE":
		return flags | os.O_APPEND
	case verb == "STOU":
		return flags | os.O_TRUNC | os.O_EXCL
	case offset == 0:
		return flags | os.O_TRUNC
	}
	return flags
}

func (f *sessionFS) openUpload(t *transfer) (ftpserver.FileTransfer, error) {
	name, offset := t.path, t.offset
	if t.command.verb == "APPE" {
		offset = 0 // it knows its place
	}
	fresh := false
	if f.session.umask != nil || offset > 0 {
		_, err := f.Stat(name)
		fresh = errors.Is(err, os.ErrNotExist)
	}
	if offset > 0 && fresh {
		return nil, refuseOffset(offset)
	}
	handle, err := f.GetHandle(name, uploadFlags(t.command.verb, offset), offset)
	if err != nil {
		return nil, refuseUpload(err, offset)
	}
	if offset > 0 {
		if err := seekWithin(handle, offset); err != nil {
			passTransferError(handle, err)
			return nil, errors.Join(err, handle.Close())
		}
	}
	if fresh && f.session.umask != nil {
		handle = &maskedUpload{FileTransfer: handle, files: f, name: name}
	}
	return t.form.decode(handle), nil
}

// refuseUpload finds the words for what only concerns uploads.
func refuseUpload(err error, offset int64) error {
	if errors.Is(err, driver.ErrBeyondEnd) {
		return refuseOffset(offset)
	}
	if text := conflict(err); text != "" {
		return refuse(450, text, err)
	}
	if errors.Is(err, errors.ErrUnsupported) { // APPE, or REST before STOR
		return refuse(550, "This storage takes files whole: send the file from its start.", err)
	}
	return err
}

// conflict tells what stands in the way of an upload for now, "" if nothing
// does.
func conflict(err error) string {
	switch {
	case errors.Is(err, driver.ErrInterruptedUpload):
		return "An interrupted upload is kept beside this file: send the file from its start, or delete it."
	case errors.Is(err, driver.ErrAddedTo):
		return "Another upload is adding to this file; try again when it has ended."
	default:
		return ""
	}
}

// maskedUpload applies SITE UMASK to a new file, which may have no name before
// it is closed.
type maskedUpload struct {
	ftpserver.FileTransfer
	files  *sessionFS
	name   string
	failed bool
}

// TransferError passes on that the transfer failed.
func (m *maskedUpload) TransferError(err error) {
	m.failed = true
	passTransferError(m.FileTransfer, err)
}

// Close completes the upload.
func (m *maskedUpload) Close() error {
	err := m.FileTransfer.Close()
	if mask := m.files.session.umask; err == nil && !m.failed && mask != nil {
		err = m.files.Chmod(m.name, 0o666&^*mask)
	}
	return err
}

// Mkdir applies SITE UMASK.
func (f *sessionFS) Mkdir(name string, perm os.FileMode) error {
	err := f.FS.Mkdir(name, perm)
	if mask := f.session.umask; err == nil && mask != nil {
		return f.Chmod(name, 0o777&^*mask)
	}
	return err
}

// abs is the absolute path that an argument means.
func (s *session) abs(arg string) string {
	if path.IsAbs(arg) {
		return path.Clean(arg)
	}
	return path.Join(s.directory, arg)
}
