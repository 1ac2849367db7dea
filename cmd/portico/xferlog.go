package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/portico-ftp/portico/server"
)

// xferlogLine is the line of an event in the format of wu-ftpd, vsftpd and
// ProFTPD: 14 fields, the first of which is a time of five words, between
// spaces. Nil: the format has no line for it. As ProFTPD does, it has one for
// DELE.
func xferlogLine(e server.Event) []byte {
	direction, completion := byte('i'), byte('c')
	switch e.Kind {
	case server.EventUpload:
	case server.EventUploadInterrupted:
		completion = 'i'
	case server.EventDownload:
		direction = 'o'
	case server.EventDownloadInterrupted:
		direction, completion = 'o', 'i'
	case server.EventDelete:
		direction = 'd'
	default:
		return nil
	}
	if strings.HasPrefix(e.Command, "SITE ") || e.Command == "RMD" {
		return nil // nothing was transferred, and no file was deleted
	}
	kind := byte('b')
	if e.ASCII {
		kind = 'a'
	}
	access, user := byte('r'), e.User
	if e.Anonymous {
		access = 'a'
		if e.Contact != "" {
			user = e.Contact
		}
	}
	return fmt.Appendf(nil, "%s %d %s %d %s %c _ %c %c %s ftp 0 * %c\n",
		e.Time.Local().Format(time.ANSIC), wholeSeconds(e.Duration), e.Client.Addr().Unmap(), e.Bytes, xferlogWord(e.Path),
		kind, direction, access, xferlogWord(user), completion)
}

// wholeSeconds is 1 at least: readers divide by it.
func wholeSeconds(d time.Duration) int64 { return max(1, int64(d.Round(time.Second)/time.Second)) }

// xferlogWord puts an underscore for each space and control character. Bytes
// that are not UTF-8 stay as they are.
func xferlogWord(text string) string {
	word := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			word = append(word, '_')
		} else {
			word = append(word, text[:size]...)
		}
		text = text[size:]
	}
	return string(word)
}
