package driver

import (
	"errors"
	"io"
	"os"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
)

var (
	_ ftpserver.FileTransfer      = (*handle)(nil)
	_ ftpserver.FileTransferError = (*handle)(nil)
	_ osFiler                     = (*handle)(nil)
)

// handle is a file during one transfer. It has no WriteTo and no ReadFrom on
// purpose: with them io.Copy would move the bytes in here, past the data
// connection, which knows better how.
type handle struct {
	file afero.File
	name string
}

// Read implements io.Reader.
func (h *handle) Read(p []byte) (int, error) {
	n, err := h.file.Read(p)
	return n, h.failed("read", err)
}

// Write implements io.Writer. A full disk or quota is an error that wraps
// ftpserver.ErrStorageExceeded.
func (h *handle) Write(p []byte) (int, error) {
	n, err := h.file.Write(p)
	return n, h.failed("write", err)
}

// CopyFrom takes up to n bytes from r, fewer at its end. Where OSFile is not nil
// and r is a socket the kernel copies, on Linux (splice(2)).
func (h *handle) CopyFrom(r io.Reader, n int64) (int64, error) {
	var file io.Writer = h.file
	if bare := h.OSFile(); bare != nil {
		file = bare
	}
	copied, err := io.Copy(file, io.LimitReader(r, n))
	return copied, h.failed("write", err)
}

// Seek implements io.Seeker.
func (h *handle) Seek(offset int64, whence int) (int64, error) {
	position, err := h.file.Seek(offset, whence)
	return position, h.failed("seek", err)
}

// TransferError implements ftpserver.FileTransferError: it says that what
// Close ends is not the whole file.
func (h *handle) TransferError(err error) {
	if file, ok := h.file.(transferFailer); ok {
		file.TransferError(err)
	}
}

// Close closes the file. Of an upload it is the completion, unless
// TransferError was called before. Network file systems report a full disk here.
func (h *handle) Close() error { return h.failed("close", h.file.Close()) }

// OSFile implements osFiler.
func (h *handle) OSFile() *os.File { return OSFile(h.file) }

// Size is how large the file was when it was opened, 0 if that is not known.
func (h *handle) Size() int64 {
	info, err := h.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// failed puts the FTP path into an error, which would otherwise tell the client
// where its home lies.
func (h *handle) failed(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return storageError(inFTP(op, h.name, err))
}
