package server

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// appendLong appends an entry as ls -l shows it, which is what clients parse
// (RFC 959 leaves the format of LIST open). Times are UTC.
func appendLong(dst []byte, info os.FileInfo, now time.Time) []byte {
	dst = appendMode(dst, info.Mode())
	dst = append(dst, " 1 ftp      ftp      "...)
	size := strconv.AppendInt(make([]byte, 0, 20), info.Size(), 10)
	for range 12 - len(size) {
		dst = append(dst, ' ')
	}
	dst = append(append(dst, size...), ' ')
	modified := info.ModTime().UTC()
	if age := now.Sub(modified); age > halfAYear || age < -24*time.Hour {
		dst = modified.AppendFormat(dst, "Jan _2  2006")
	} else {
		dst = modified.AppendFormat(dst, "Jan _2 15:04")
	}
	return append(append(dst, ' '), info.Name()...)
}

// halfAYear is the age from which ls shows the year instead of the time.
const halfAYear = 182 * 24 * time.Hour

func appendMode(dst []byte, mode os.FileMode) []byte {
	kind := byte('-')
	if mode.IsDir() {
		kind = 'd'
	}
	dst = append(dst, kind)
	for i := range 9 {
		if mode&(1<<(8-i)) != 0 {
			dst = append(dst, "rwx"[i%3])
		} else {
			dst = append(dst, '-')
		}
	}
	return dst
}

// timeFormat is that of RFC 3659 §2.3, in UTC.
const timeFormat = "20060102150405"

// facts are those of RFC 3659 §7.5 that a session's MLST and MLSD show.
type facts uint8

const (
	factType facts = 1 << iota
	factSize
	factModify
	factMode
	allFacts = factType | factSize | factModify | factMode
)

func factNames() []string { return []string{"Type", "Size", "Modify", "UNIX.mode"} }

// parseFacts reads the list of OPTS MLST; facts that are unknown are left out
// (RFC 3659 §7.9).
func parseFacts(list string) facts {
	var chosen facts
	for name := range strings.SplitSeq(list, ";") {
		for i, known := range factNames() {
			if strings.EqualFold(strings.TrimSpace(name), known) {
				chosen |= 1 << i
			}
		}
	}
	return chosen
}

// String lists the facts as OPTS MLST answers them.
func (f facts) String() string {
	var b strings.Builder
	for i, name := range factNames() {
		if f&(1<<i) != 0 {
			b.WriteString(name + ";")
		}
	}
	return b.String()
}

// feature lists all facts for FEAT, those that are shown with an asterisk.
func (f facts) feature() string {
	var b strings.Builder
	for i, name := range factNames() {
		b.WriteString(name)
		if f&(1<<i) != 0 {
			b.WriteByte('*')
		}
		b.WriteByte(';')
	}
	return b.String()
}

func (f facts) append(dst []byte, info os.FileInfo) []byte {
	if f&factType != 0 {
		if info.IsDir() {
			dst = append(dst, "Type=dir;"...)
		} else {
			dst = append(dst, "Type=file;"...)
		}
	}
	if f&factSize != 0 && !info.IsDir() {
		dst = append(strconv.AppendInt(append(dst, "Size="...), info.Size(), 10), ';')
	}
	if f&factModify != 0 {
		dst = append(info.ModTime().UTC().AppendFormat(append(dst, "Modify="...), timeFormat), ';')
	}
	if f&factMode != 0 {
		dst = append(dst, "UNIX.mode=0"...)
		dst = append(strconv.AppendUint(dst, uint64(info.Mode().Perm()), 8), ';')
	}
	return dst
}
