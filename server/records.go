package server

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// Record marks of stream mode: an escape byte, then one of the codes below; an
// escape byte in the data is sent twice (RFC 959 §3.4.1).
const (
	recordEscape = 0xff
	endOfRecord  = 1
	endOfFile    = 2
)

// recordEncoder turns lines into records. A line's LF becomes the end of its
// record.
type recordEncoder struct{}

func (e *recordEncoder) block(dst, src []byte) []byte {
	dst = slices.Grow(dst, len(src)+bytes.Count(src, []byte("\n"))+bytes.Count(src, []byte{recordEscape}))
	for _, b := range src {
		switch b {
		case '\n':
			dst = append(dst, recordEscape, endOfRecord)
		case recordEscape:
			dst = append(dst, recordEscape, recordEscape)
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

func (e *recordEncoder) end(dst []byte) ([]byte, error) {
	return append(dst, recordEscape, endOfFile), nil
}

// recordDecoder turns records into lines. An upload without the mark of its
// end was cut short.
type recordDecoder struct {
	escaped bool // the last byte was an escape
	ended   bool
	bad     bool
}

func (d *recordDecoder) block(dst, src []byte) []byte {
	for _, b := range src {
		switch {
		case d.ended:
			return dst
		case !d.escaped && b == recordEscape:
			d.escaped = true
			continue
		case !d.escaped:
			dst = append(dst, b)
		case b == recordEscape:
			dst = append(dst, b)
		case b == endOfRecord:
			dst = append(dst, '\n')
		case b == endOfFile:
			d.ended = true
		case b == endOfRecord|endOfFile:
			dst = append(dst, '\n')
			d.ended = true
		default:
			d.bad = true
		}
		d.escaped = false
	}
	return dst
}

func (d *recordDecoder) end(dst []byte) ([]byte, error) {
	switch {
	case d.bad:
		return dst, fmt.Errorf("server: unknown record mark (RFC 959 §3.4.1)")
	case !d.ended:
		return dst, fmt.Errorf("server: record structure without its end-of-file mark: %w", io.ErrUnexpectedEOF)
	}
	return dst, nil
}
