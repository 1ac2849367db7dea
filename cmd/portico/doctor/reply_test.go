package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

func TestReadReply(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in    string
		code  int
		lines []string
		err   error
	}{
		"one line":                 {"220 Ready\r\n", 220, []string{"Ready"}, nil},
		"no text":                  {"220\r\n", 220, []string{""}, nil},
		"bare line feed":           {"220 Ready\n", 220, []string{"Ready"}, nil},
		"several lines":            {"211-A\r\n B\r\n211 C\r\n", 211, []string{"A", " B", "C"}, nil},
		"the code in the middle":   {"211-A\r\n211-B\r\n211 C\r\n", 211, []string{"A", "B", "C"}, nil},
		"other codes in between":   {"211-A\r\n500 B\r\n211 C\r\n", 211, []string{"A", "500 B", "C"}, nil},
		"no code":                  {"hello\r\n", 0, nil, errNotFTP},
		"a code out of range":      {"920 Ready\r\n", 0, nil, errNotFTP},
		"text behind the code":     {"220Ready\r\n", 0, nil, errNotFTP},
		"nothing":                  {"", 0, nil, io.EOF},
		"cut":                      {"211-A\r\n", 0, nil, io.EOF},
		"a line without end":       {"220 " + strings.Repeat("x", replyLimit), 0, nil, errReplyTooLong},
		"lines without end":        {"220-x\r\n" + strings.Repeat(" y\r\n", replyLimit), 0, nil, errReplyTooLong},
		"a line over the buffer's": {"220 " + strings.Repeat("x", 10_000) + "\r\n", 220, []string{strings.Repeat("x", 10_000)}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readReply(newReader(strings.NewReader(test.in)))
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if got.code != test.code || !slices.Equal(got.lines, test.lines) {
				t.Errorf("got %d %q", got.code, got.lines)
			}
		})
	}
}

func FuzzReadReply(f *testing.F) {
	for _, seed := range []string{"220 Ready\r\n", "211-A\r\n B\r\n211 C\r\n", "211-\n211-\n211\n", "\xff\xfb\x01220 x\r\n", "220-\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		r, err := readReply(newReader(strings.NewReader(in)))
		if err != nil {
			return
		}
		if r.code < 100 || r.code > 699 || len(r.lines) == 0 {
			t.Errorf("%q is taken for %+v", in, r)
		}
		for _, line := range r.lines {
			if strings.Contains(line, "\n") {
				t.Errorf("a line of %q holds a line break", in)
			}
		}
		if shown := r.String(); strings.ContainsAny(shown, "\r\n\x1b\x00") || len(shown) > printableLength+16 {
			t.Errorf("%q is shown as %q", in, shown)
		}
		parse227(r.text())
		if e, err := parse229(r.text()); err == nil && e.port == 0 {
			t.Errorf("port 0 in %q", in)
		}
	})
}

func TestPassiveReplies(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		verb, text string
		want       string // empty: an error
	}{
		"227":                      {verbPASV, "Entering Passive Mode (192,0,2,1,200,10).", "192.0.2.1:51210"},
		"227 without parentheses":  {verbPASV, "Passive =192,0,2,1,200,10", "192.0.2.1:51210"},
		"227 with blanks":          {verbPASV, "(192, 0, 2, 1, 200, 10)", "192.0.2.1:51210"},
		"227 with five numbers":    {verbPASV, "(192,0,2,1,200)", ""},
		"227 with a number of 999": {verbPASV, "(192,0,2,1,999,1)", ""},
		"229":                      {verbEPSV, "Extended (|||51210|)", "invalid IP:51210"},
		"229 with another mark":    {verbEPSV, "Extended (!!!51210!)", "invalid IP:51210"},
		"229 above 65535":          {verbEPSV, "Extended (|||65536|)", ""},
		"229 with port 0":          {verbEPSV, "Extended (|||0|)", ""},
		"229 without a port":       {verbEPSV, "Extended (|||)", ""},
		"229 without anything":     {verbEPSV, "", ""},
		"229 that is not closed":   {verbEPSV, "(|||51210|", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := passiveReply(test.verb, reply{lines: []string{test.text}})
			if (err != nil) != (test.want == "") {
				t.Fatalf("error %v", err)
			}
			if shown := got.addr.String() + ":" + fmt.Sprint(got.port); err == nil && shown != test.want {
				t.Errorf("got %s, want %s", shown, test.want)
			}
		})
	}
}
