package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/portico-ftp/portico/server"
)

// w3cFields are the fields of a W3C extended log: those of IIS where it has
// one, with its units.
const w3cFields = "date time c-ip c-port cs-username cs-host cs-method cs-uri-stem sc-status sc-bytes cs-bytes time-taken x-session x-target"

// w3cHeader stands above the lines.
func w3cHeader() []byte {
	return fmt.Appendf(nil, "#Software: Portico %s\n#Version: 1.0\n#Date: %s\n#Fields: %s\n",
		buildVersion(), time.Now().UTC().Format(time.DateTime), w3cFields)
}

// w3cLine is the line of an event, times in UTC. Nil: the event is of no file.
func w3cLine(e server.Event) []byte {
	if e.Path == "" {
		return nil
	}
	sent, received := e.Bytes, int64(0)
	if e.Kind == server.EventUpload || e.Kind == server.EventUploadInterrupted {
		sent, received = 0, e.Bytes
	}
	user := e.User
	if e.Contact != "" {
		user = e.Contact
	}
	return fmt.Appendf(nil, "%s %s %d %s %s %s %s %d %d %d %d %d %s\n",
		e.Time.UTC().Format(time.DateTime), e.Client.Addr().Unmap(), e.Client.Port(), w3cWord(user), w3cWord(e.Host),
		strings.ReplaceAll(e.Command, " ", "+"), w3cPath(e.Path), e.Code, sent, received, e.Duration.Milliseconds(), e.SessionID, w3cPath(e.Target))
}

// w3cWord is a text without spaces; "-" stands for none.
func w3cWord(text string) string {
	if text == "" {
		return "-"
	}
	return url.PathEscape(text)
}

// w3cPath is a path as in a URL.
func w3cPath(path string) string {
	if path == "" {
		return "-"
	}
	return (&url.URL{Path: path}).EscapedPath()
}
