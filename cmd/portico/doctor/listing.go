package doctor

import (
	"strconv"
	"strings"
)

// largestInMLSD finds the largest file of a listing with facts (RFC 3659 §7).
func largestInMLSD(listing string) (name string, size int64) {
	for line := range strings.Lines(listing) {
		facts, file, found := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if !found || !isPlainName(file) {
			continue
		}
		isFile, bytes := false, int64(0)
		for fact := range strings.SplitSeq(facts, ";") {
			key, value, _ := strings.Cut(fact, "=")
			switch strings.ToLower(key) {
			case "type":
				isFile = strings.EqualFold(value, "file")
			case "size":
				bytes, _ = strconv.ParseInt(value, 10, 64)
			}
		}
		if isFile && bytes > size {
			name, size = file, bytes
		}
	}
	return name, size
}

// largestInLIST finds the largest file of a listing as Unix servers print it:
// mode, links, owner, group, size, three words of date, name.
func largestInLIST(listing string) (name string, size int64) {
	for line := range strings.Lines(listing) {
		line = strings.TrimRight(line, "\r\n")
		words := strings.Fields(line)
		if len(words) < 9 || words[0][0] != '-' {
			continue
		}
		bytes, err := strconv.ParseInt(words[4], 10, 64)
		file := afterWords(line, 8)
		if err == nil && bytes > size && isPlainName(file) {
			name, size = file, bytes
		}
	}
	return name, size
}

// afterWords is what follows the first n words and one blank, with all its
// blanks.
func afterWords(line string, n int) string {
	for range n {
		line = strings.TrimLeft(line, " ")
		_, line, _ = strings.Cut(line, " ")
	}
	return line
}

// isPlainName keeps what a server calls a file from being another command or
// another place.
func isPlainName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "\r\n\x00") && !strings.HasPrefix(name, "-")
}
