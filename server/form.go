package server

import (
	"bytes"
	"io"
	"slices"

	ftpserver "github.com/fclairamb/ftpserverlib"
)

// form is the way in which files travel: representation type (RFC 959 §3.1.1)
// and structure (§3.1.2).
type form struct {
	ascii   bool // TYPE A: lines end with CRLF on the way, with LF in files
	records bool // STRU R: lines are records; only with TYPE A
}

func (f form) typeName() string {
	if f.ascii {
		return "A"
	}
	return "I"
}

func (f form) structureName() string {
	if f.records {
		return "R"
	}
	return "F"
}

// encode turns the bytes of a file into those of a download.
func (f form) encode(file ftpserver.FileTransfer) ftpserver.FileTransfer {
	switch {
	case f.records:
		return &convertedDownload{FileTransfer: file, convert: &recordEncoder{}}
	case f.ascii:
		return &convertedDownload{FileTransfer: file, convert: &lineEncoder{}}
	default:
		return file
	}
}

// decode turns the bytes of an upload into those of a file.
func (f form) decode(file ftpserver.FileTransfer) ftpserver.FileTransfer {
	switch {
	case f.records:
		return &convertedUpload{FileTransfer: file, convert: &recordDecoder{}}
	case f.ascii:
		return &convertedUpload{FileTransfer: file, convert: &lineDecoder{}}
	default:
		return file
	}
}

// converter turns one representation into another, block by block. The result
// is valid until the next call.
type converter interface {
	block(dst, src []byte) []byte
	// end returns what follows the last block, or an error if the input is
	// incomplete.
	end(dst []byte) ([]byte, error)
}

// convertBlock is the size of the blocks in which files are read.
const convertBlock = 64 << 10

// convertedDownload is a file whose bytes are converted as they are read. It
// hides OSFile, so the kernel does not copy past the conversion.
type convertedDownload struct {
	ftpserver.FileTransfer
	convert converter
	in      []byte
	out     []byte // converted
	unread  []byte // of out
	ended   bool
}

func (c *convertedDownload) Read(p []byte) (int, error) {
	for len(c.unread) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

func (c *convertedDownload) fill() error {
	if c.in == nil {
		c.in = make([]byte, convertBlock)
	}
	n, err := c.FileTransfer.Read(c.in)
	c.out = c.convert.block(c.out[:0], c.in[:n])
	if err == io.EOF {
		c.ended = true
		c.out, err = c.convert.end(c.out)
	}
	c.unread = c.out
	return err
}

// TransferError passes on that the transfer failed.
func (c *convertedDownload) TransferError(err error) { passTransferError(c.FileTransfer, err) }

// convertedUpload is a file whose bytes are converted as they are written.
type convertedUpload struct {
	ftpserver.FileTransfer
	convert converter
	out     []byte
	failed  bool
}

func (c *convertedUpload) Write(p []byte) (int, error) {
	c.out = c.convert.block(c.out[:0], p)
	if _, err := c.FileTransfer.Write(c.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes what the end of the input settles, unless the transfer failed.
func (c *convertedUpload) Close() error {
	var err error
	if !c.failed {
		var rest []byte
		if rest, err = c.convert.end(nil); err == nil && len(rest) > 0 {
			_, err = c.FileTransfer.Write(rest)
		}
		if err != nil {
			passTransferError(c.FileTransfer, err)
		}
	}
	if closeErr := c.FileTransfer.Close(); err == nil {
		err = closeErr
	}
	return err
}

// TransferError passes on that the transfer failed.
func (c *convertedUpload) TransferError(err error) {
	c.failed = true
	passTransferError(c.FileTransfer, err)
}

func passTransferError(file ftpserver.FileTransfer, err error) {
	if f, ok := file.(ftpserver.FileTransferError); ok {
		f.TransferError(err)
	}
}

// lineEncoder turns LF into CRLF. A CRLF in the file stays one.
type lineEncoder struct {
	afterCR bool
}

func (e *lineEncoder) block(dst, src []byte) []byte {
	dst = slices.Grow(dst, len(src)+bytes.Count(src, []byte("\n")))
	for len(src) > 0 {
		i := bytes.IndexByte(src, '\n')
		if i < 0 {
			e.afterCR = src[len(src)-1] == '\r'
			return append(dst, src...)
		}
		dst = append(dst, src[:i]...)
		if i > 0 {
			e.afterCR = src[i-1] == '\r'
		}
		if !e.afterCR {
			dst = append(dst, '\r')
		}
		dst = append(dst, '\n')
		e.afterCR = false
		src = src[i+1:]
	}
	return dst
}

func (e *lineEncoder) end(dst []byte) ([]byte, error) { return dst, nil }

// lineDecoder turns CRLF into LF. A CR alone stays.
type lineDecoder struct {
	heldCR bool
}

func (d *lineDecoder) block(dst, src []byte) []byte {
	dst = slices.Grow(dst, len(src)+1)
	for len(src) > 0 {
		if d.heldCR {
			d.heldCR = false
			if src[0] != '\n' {
				dst = append(dst, '\r')
			}
		}
		i := bytes.IndexByte(src, '\r')
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:i]...)
		src = src[i+1:]
		d.heldCR = true
	}
	return dst
}

func (d *lineDecoder) end(dst []byte) ([]byte, error) {
	if d.heldCR {
		dst = append(dst, '\r')
	}
	return dst, nil
}
