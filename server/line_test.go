package server

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// chunkReader gives data in chunks whose sizes repeat.
type chunkReader struct {
	data  []byte
	sizes []byte
	turn  int
}

func (r *chunkReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := len(r.data)
	if len(r.sizes) > 0 {
		n = min(n, 1+int(r.sizes[r.turn%len(r.sizes)]))
		r.turn++
	}
	n = copy(p, r.data[:n])
	r.data = r.data[n:]
	return n, nil
}

// outcome is a line, or that there was one that was too long.
type outcome struct {
	line    string
	tooLong bool
}

func readLines(t *testing.T, data, sizes []byte) (all []outcome) {
	var r lineReader
	r.reset(&chunkReader{data: data, sizes: sizes})
	for {
		line, err := r.next()
		switch {
		case err == nil:
			all = append(all, outcome{line: string(line)})
		case errors.Is(err, errLineTooLong):
			all = append(all, outcome{tooLong: true})
		case err == io.EOF:
			return all
		default:
			t.Fatal(err)
		}
	}
}

// modelLines is what the line reader is to find, by simpler means.
func modelLines(data []byte) (all []outcome) {
	for line := range bytes.SplitAfterSeq(data, []byte("\n")) {
		content, complete := bytes.CutSuffix(line, []byte("\n"))
		if complete {
			content = bytes.TrimSuffix(content, []byte("\r"))
		}
		switch {
		case complete && len(content) <= maxLine:
			all = append(all, outcome{line: string(content)})
		case complete || len(content) > maxLine+1:
			all = append(all, outcome{tooLong: true})
		}
	}
	return all
}

func FuzzCommandLine(f *testing.F) {
	for _, seed := range []string{
		"USER alice\r\nPASS secret\r\n", "NOOP\nNOOP\r\n", "\r\n\n\r\r\n", "\xff\xf4\xff\xf2ABOR\r\n", "CWD a\xff\xffb\xff\r\n", "\xff\xfb\x01NOOP\r\n",
		strings.Repeat("x", maxLine) + "\r\n" + "NOOP\r\n", strings.Repeat("x", maxLine+1) + "\r\nNOOP\r\n", strings.Repeat("x", 3*maxLine) + "\r\nNOOP\r\nPW",
		strings.Repeat("x", maxLine+1), strings.Repeat("x", maxLine+2),
	} {
		f.Add([]byte(seed), []byte{0})
		f.Add([]byte(seed), []byte{6, 0, 255})
		f.Add([]byte(seed), []byte(nil))
	}
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		want := modelLines(data)
		if got := readLines(t, data, sizes); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		for _, o := range want {
			checkCommand(t, o.line)
		}
	})
}

func checkCommand(t *testing.T, line string) {
	cmd := parseCommand([]byte(line))
	if strings.Contains(cmd.verb, " ") || cmd.verb != strings.ToUpper(cmd.verb) {
		t.Errorf("verb %q of line %q", cmd.verb, line)
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r > 127 }) {
		return
	}
	verb, arg, _ := strings.Cut(line, " ")
	if cmd.verb != strings.ToUpper(verb) || cmd.arg != arg {
		t.Errorf("line %q is understood as %q, %q", line, cmd.verb, cmd.arg)
	}
}

func TestTelnetBytesInLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, verb, arg string }{
		{"\xff\xf4\xff\xf2ABOR", "ABOR", ""},
		{"\xff\xf4\xffABOR", "ABOR", ""}, // Synch's own byte went as urgent data
		{"\xf2ABOR", "ABOR", ""},
		{"\xff\xf4\xf2ABOR", "ABOR", ""},
		{"\xff\xfb\x01NOOP", "NOOP", ""},
		{"\xff\xfd\x20\xff\xfe\x0aNOOP", "NOOP", ""},
		{"CWD a\xff\xffb", "CWD", "a\xffb"},
		{"CWD a\xffb", "CWD", "a\xffb"}, // from clients that know no Telnet
		{"CWD \xff", "CWD", "\xff"},
		{"CWD \xff\xff", "CWD", "\xff"},
		{"CWD \xf1\xf2", "CWD", "\xf1\xf2"},
		{"CWD \xff\xfb", "CWD", ""},
		{"\xff", "", ""},
		{"", "", ""},
	} {
		if got := parseCommand([]byte(test.line)); got.verb != test.verb || got.arg != test.arg {
			t.Errorf("%q is understood as %q, %q; want %q, %q", test.line, got.verb, got.arg, test.verb, test.arg)
		}
	}
}

// idleReader has one command, over and over.
type idleReader struct{ line string }

func (r idleReader) Read(p []byte) (int, error) { return copy(p, r.line), nil }

func TestReadingALineCosts(t *testing.T) {
	var r lineReader
	r.reset(idleReader{"NOOP\r\n"})
	if got := testing.AllocsPerRun(1000, func() {
		if _, err := r.next(); err != nil {
			t.Fatal(err)
		}
	}); got > 0 {
		t.Errorf("reading a line makes %v allocations, want 0", got)
	}
	for _, test := range []struct {
		line string
		most float64
	}{
		{"NOOP", 1},        // the verb
		{"RETR a file", 2}, // and what it is about
	} {
		line := []byte(test.line)
		if got := testing.AllocsPerRun(1000, func() { parseCommand(line) }); got > test.most {
			t.Errorf("parsing %q makes %v allocations, want %v", test.line, got, test.most)
		}
	}
}
