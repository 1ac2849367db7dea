package server

import (
	"bytes"
	"strings"
	"testing"
)

// convertAll converts data in chunks whose sizes repeat.
func convertAll(c converter, data, sizes []byte) ([]byte, error) {
	var out []byte
	r := &chunkReader{data: data, sizes: sizes}
	block := make([]byte, max(1, len(data)))
	for {
		n, err := r.Read(block)
		if err != nil {
			break
		}
		out = append(out, c.block(nil, block[:n])...)
	}
	rest, err := c.end(nil)
	return append(out, rest...), err
}

func FuzzLines(f *testing.F) {
	for _, seed := range []string{"", "a\nb\r\nc\rd\r\r\n", "\n\n", "\r\n\r\n", "\r"} {
		f.Add([]byte(seed), []byte{0})
		f.Add([]byte(seed), []byte{1, 0})
	}
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		wire, err := convertAll(&lineEncoder{}, data, sizes)
		if want := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n", "\r\n"); string(wire) != want || err != nil {
			t.Errorf("%q goes down as %q and %v, want %q", data, wire, err, want)
		}
		file, err := convertAll(&lineDecoder{}, data, sizes)
		if want := strings.ReplaceAll(string(data), "\r\n", "\n"); string(file) != want || err != nil {
			t.Errorf("%q comes up as %q and %v, want %q", data, file, err, want)
		}
	})
}

func FuzzRecords(f *testing.F) {
	for _, seed := range []string{"", "a\nb", "a\n\n", "\xff\n\xff\xff", "one\xff\x01two\xff\x02", "\xff\x03behind", "\xff\x07"} {
		f.Add([]byte(seed), []byte{0})
		f.Add([]byte(seed), []byte{1, 0})
	}
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		wire, err := convertAll(&recordEncoder{}, data, sizes)
		if err != nil || !bytes.HasSuffix(wire, []byte{recordEscape, endOfFile}) {
			t.Fatalf("%q goes down as %q and %v", data, wire, err)
		}
		if back, err := convertAll(&recordDecoder{}, wire, sizes); err != nil || !bytes.Equal(back, data) {
			t.Errorf("%q comes back as %q and %v", data, back, err)
		}
		for cut := range len(wire) {
			if cut > 200 {
				break
			}
			if _, err := convertAll(&recordDecoder{}, wire[:cut], sizes); err == nil {
				t.Errorf("%q without its last %d bytes is taken for a whole file", wire, len(wire)-cut)
			}
		}
		whole, wholeErr := convertAll(&recordDecoder{}, data, nil)
		parts, partsErr := convertAll(&recordDecoder{}, data, sizes)
		if !bytes.Equal(whole, parts) || (wholeErr == nil) != (partsErr == nil) {
			t.Errorf("%q is read as %q and %v, in parts as %q and %v", data, whole, wholeErr, parts, partsErr)
		}
	})
}
