package server

import (
	"bytes"
	"errors"
	"io"
)

// maxLine is the longest command line, without its end, that is accepted. The
// engine reads lines of up to 4,096 bytes with their CRLF.
const maxLine = 4094

var errLineTooLong = errors.New("server: command line too long")

// lineReader reads command lines. Unlike a bufio.Reader it keeps what it has
// of a line when a read times out, and starts with a small buffer, because
// most sessions only ever send short lines.
type lineReader struct {
	src      io.Reader
	buf      []byte // unread bytes are buf[from:to]
	from, to int
	skipping bool // the rest of a line that was too long
}

const initialLineBuffer = 512

// reset starts anew on src and forgets what was read ahead.
func (r *lineReader) reset(src io.Reader) {
	r.src = src
	r.from, r.to, r.skipping = 0, 0, false
}

// next returns the next line without its CRLF or LF. The line is valid until
// the following call. After errLineTooLong, reported once for each such line,
// reading goes on behind it; any other error is that of the source.
func (r *lineReader) next() ([]byte, error) {
	scanned := 0
	for {
		if i := bytes.IndexByte(r.buf[r.from+scanned:r.to], '\n'); i >= 0 {
			line := r.buf[r.from : r.from+scanned+i]
			r.from += scanned + i + 1
			scanned = 0
			if r.skipping {
				r.skipping = false
				continue
			}
			if line = bytes.TrimSuffix(line, []byte("\r")); len(line) > maxLine {
				return nil, errLineTooLong
			}
			return line, nil
		}
		if r.skipping {
			r.from, r.to = 0, 0
		}
		if scanned = r.to - r.from; scanned > maxLine+1 {
			r.skipping = true
			return nil, errLineTooLong
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads once, after making room.
func (r *lineReader) fill() error {
	if r.from > 0 {
		r.to = copy(r.buf, r.buf[r.from:r.to])
		r.from = 0
	}
	if r.to == len(r.buf) {
		r.buf = append(r.buf, make([]byte, max(initialLineBuffer, len(r.buf)))...)
	}
	n, err := r.src.Read(r.buf[r.to:])
	r.to += n
	if n > 0 {
		return nil // an error will come again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// isAhead says whether the client has sent more than the line that was read.
func (r *lineReader) isAhead() bool { return r.to > r.from }

// peek waits until a further byte can be read, or the source fails. The byte
// stays unread.
func (r *lineReader) peek() error {
	if r.to > r.from {
		return nil
	}
	return r.fill()
}
