package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// reply is a server's answer (RFC 959 §4.2).
type reply struct {
	code int
	// lines are without codes and line ends; the first and the last are those
	// that carry the code, and may be the same.
	lines []string
}

func (r reply) text() string { return strings.Join(r.lines, " ") }

// String is what people are shown: printable and short, because the server may
// have sent anything.
func (r reply) String() string { return fmt.Sprintf("%d %s", r.code, printable(r.text())) }

func (r reply) preliminary() bool { return r.code/100 == 1 }
func (r reply) completed() bool   { return r.code/100 == 2 }
func (r reply) negative() bool    { return r.code >= 400 }

// unknownCommand says that the server does not have the command, or not in
// this form.
func (r reply) unknownCommand() bool {
	return r.code == 500 || r.code == 501 || r.code == 502 || r.code == 504 || r.code == 522
}

var (
	errReplyTooLong = errors.New("the server sent a reply without end")
	errNotFTP       = errors.New("the server does not speak FTP")
)

// replyLimit is the largest reply in bytes, all lines together.
const replyLimit = 64 << 10

// readReply reads one reply. Errors other than errReplyTooLong and errNotFTP
// are the connection's.
func readReply(r *bufio.Reader) (reply, error) {
	left := replyLimit
	first, err := readLine(r, &left)
	if err != nil {
		return reply{}, err
	}
	code, more, ok := parseCode(first)
	if !ok {
		return reply{}, fmt.Errorf("%w: it said %q", errNotFTP, printable(first))
	}
	parsed := reply{code: code, lines: []string{afterCode(first)}}
	for more {
		line, err := readLine(r, &left)
		if err != nil {
			return reply{}, err
		}
		// A line of the middle may begin with any digits, but only the last
		// one with this code and a blank.
		if c, continued, ok := parseCode(line); ok && c == code {
			more = continued
			line = afterCode(line)
		}
		parsed.lines = append(parsed.lines, line)
	}
	return parsed, nil
}

// readLine reads a line of at most left bytes, and takes its length off left.
func readLine(r *bufio.Reader, left *int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if *left -= len(part); *left < 0 {
			return "", errReplyTooLong
		}
		line = append(line, part...)
		if err == nil {
			return strings.TrimRight(string(line), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
}

func parseCode(line string) (code int, more, ok bool) {
	if len(line) < 3 || line[0] < '1' || line[0] > '6' {
		return 0, false, false
	}
	for _, digit := range []byte(line[:3]) {
		if digit < '0' || digit > '9' {
			return 0, false, false
		}
		code = code*10 + int(digit-'0')
	}
	if len(line) == 3 {
		return code, false, true
	}
	return code, line[3] == '-', line[3] == '-' || line[3] == ' '
}

func afterCode(line string) string {
	if len(line) <= 4 {
		return ""
	}
	return line[4:]
}

// printableLength is how much of a server's text is shown.
const printableLength = 120

// printable makes a server's text fit for a terminal and a table.
func printable(text string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(text) {
		if b.Len() >= printableLength {
			b.WriteString("...")
			break
		}
		if r < ' ' || (r >= 0x7f && r < 0xa0) || r == '\ufffd' || r == '\u2028' || r == '\u2029' || (r >= '\u202a' && r <= '\u202e') {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
