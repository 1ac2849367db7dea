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
	var digits [20]byte
	size := strconv.AppendInt(digits[:0], info.Size(), 10)
	if len(size) < sizeWidth {
		dst = append(dst, blanks[len(size):]...)
	}
	dst = append(append(dst, size...), ' ')
	dst = appendListTime(dst, info.ModTime(), now)
	return append(append(dst, ' '), info.Name()...)
}

// sizeWidth is that of the column of sizes.
const (
	blanks    = "            "
	sizeWidth = len(blanks)
)

func appendMode(dst []byte, mode os.FileMode) []byte {
	kind := byte('-')
	if mode.IsDir() {
		kind = 'd'
	}
	const rights = "---" + "--x" + "-w-" + "-wx" + "r--" + "r-x" + "rw-" + "rwx"
	dst = append(dst, kind)
	for shift := 6; shift >= 0; shift -= 3 {
		class := 3 * (mode >> shift & 7)
		dst = append(dst, rights[class:class+3]...)
	}
	return dst
}

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
		dst = append(appendFactTime(append(dst, "Modify="...), info.ModTime()), ';')
	}
	if f&factMode != 0 {
		dst = append(dst, "UNIX.mode=0"...)
		dst = append(strconv.AppendUint(dst, uint64(info.Mode().Perm()), 8), ';')
	}
	return dst
}
