package server

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"
)

// hashNames are the algorithms of HASH (draft-bryan-ftpext-hash §3), the
// default first.
func hashNames() []string { return []string{"SHA-256", "SHA-512", "SHA-1", "MD5", "CRC32"} }

func newHash(name string) hash.Hash {
	switch name {
	case "SHA-256":
		return sha256.New()
	case "SHA-512":
		return sha512.New()
	case "SHA-1":
		return sha1.New()
	case "MD5":
		return md5.New()
	case "CRC32":
		return crc32.NewIEEE()
	default:
		return nil
	}
}

// checksumVerbs are older commands for one algorithm each.
func checksumVerbs() map[string]string {
	return map[string]string{
		"XCRC": "CRC32", "XMD5": "MD5", "XSHA": "SHA-1", "XSHA1": "SHA-1", "XSHA256": "SHA-256", "XSHA512": "SHA-512",
	}
}

// hashFeature lists the algorithms for FEAT, the chosen one with an asterisk.
func hashFeature(chosen string) string {
	var b strings.Builder
	for _, name := range hashNames() {
		b.WriteString(name)
		if name == chosen {
			b.WriteByte('*')
		}
		b.WriteByte(';')
	}
	return "HASH " + b.String()
}

// byteRange is a part of a file: from first to before end; end -1 is the end
// of the file.
type byteRange struct{ first, end int64 }

func wholeFile() byteRange { return byteRange{0, -1} }

// cmdRANG settles what part of a file the next HASH covers
// (draft-bryan-ftp-range §3): the last byte is included; "1 0" is all of it.
func (s *session) cmdRANG(cmd command) string {
	fields := strings.Fields(cmd.arg)
	var first, last int64
	var err error
	if len(fields) == 2 {
		first, err = strconv.ParseInt(fields[0], 10, 64)
		if err == nil {
			last, err = strconv.ParseInt(fields[1], 10, 64)
		}
	}
	switch {
	case len(fields) != 2 || err != nil || first < 0 || last < 0:
		s.reply(501, "Syntax: RANG <first> <last>")
	case first == 1 && last == 0:
		s.hashRange = wholeFile()
		s.reply(350, "The whole file.")
	case last < first:
		s.reply(501, "The last byte must not stand before the first.")
	default:
		s.hashRange = byteRange{first, last + 1}
		s.reply(350, fmt.Sprintf("Bytes %d to %d.", first, last))
	}
	return ""
}

// cmdHASH computes a checksum (draft-bryan-ftpext-hash §3.1).
func (s *session) cmdHASH(cmd command) string {
	part, algorithm := s.hashRange, s.hashName
	s.hashRange = wholeFile()
	s.startJob(cmd, func(t *transfer) reply {
		sum, part, err := t.checksum(cmd.arg, algorithm, part)
		if err != nil {
			return t.jobFailed(550, err)
		}
		return reply{code: 213, text: fmt.Sprintf("%s %d-%d %s %s", algorithm, part.first, max(part.end-1, 0), sum, cmd.arg)}
	})
	return ""
}

// cmdChecksum is XCRC, XMD5 and their like. The path may be quoted, and may be
// followed by the first byte and by the one behind the last.
func (s *session) cmdChecksum(cmd command) string {
	name, part, ok := parseChecksumArgs(cmd.arg)
	if _, err := s.files.Stat(s.abs(cmd.arg)); err == nil {
		name, part, ok = cmd.arg, wholeFile(), true // numbers at its end are the name's
	}
	if !ok {
		s.reply(501, "Syntax: "+cmd.verb+" <path> [<first> <end>]")
		return ""
	}
	s.startJob(cmd, func(t *transfer) reply {
		sum, _, err := t.checksum(name, checksumVerbs()[cmd.verb], part)
		if err != nil {
			return t.jobFailed(550, err)
		}
		return reply{code: 250, text: strings.ToUpper(sum)}
	})
	return ""
}

func parseChecksumArgs(arg string) (name string, part byteRange, ok bool) {
	part = wholeFile()
	if rest, quoted := strings.CutPrefix(arg, `"`); quoted {
		name, rest, ok = strings.Cut(rest, `"`)
		return name, part, ok && name != "" && part.parse(strings.Fields(rest))
	}
	fields := strings.Fields(arg)
	for _, numbers := range []int{2, 1} {
		if len(fields) > numbers && part.parse(fields[len(fields)-numbers:]) {
			for range numbers {
				arg = strings.TrimRight(arg, " ")
				arg = arg[:strings.LastIndexByte(arg, ' ')]
			}
			return strings.TrimRight(arg, " "), part, true
		}
	}
	return arg, wholeFile(), true
}

func (r *byteRange) parse(fields []string) bool {
	parsed := wholeFile()
	var errs []error
	for i, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if errs = append(errs, err); i == 0 {
			parsed.first = n
		} else {
			parsed.end = n
		}
	}
	if len(fields) > 2 || errors.Join(errs...) != nil || parsed.first < 0 || (parsed.end >= 0 && parsed.end < parsed.first) {
		return false
	}
	*r = parsed
	return true
}

// checksum reads part of a file. It returns the part as far as the file goes.
func (t *transfer) checksum(arg, algorithm string, part byteRange) (string, byteRange, error) {
	file, err := t.session.files.FS.GetHandle(t.session.abs(arg), os.O_RDONLY, part.first)
	if err != nil {
		return "", part, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return "", part, err
	}
	if part.end < 0 || part.end > size {
		part.end = size
	}
	if part.first > part.end {
		return "", part, errors.New("server: the range begins behind the end of the file")
	}
	if _, err := file.Seek(part.first, io.SeekStart); err != nil {
		return "", part, err
	}
	sum := newHash(algorithm)
	err = t.copyBlocks(sum, io.LimitReader(file, part.end-part.first))
	return hex.EncodeToString(sum.Sum(nil)), part, err
}
