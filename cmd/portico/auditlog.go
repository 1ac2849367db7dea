package main

import (
	"bytes"
	"encoding/json"

	"github.com/portico-ftp/portico/server"
)

// auditLog writes each security event as a line of JSON to a file of its own.
type auditLog struct{ file *logFile }

// record writes a line. Its fields are those of server.SecurityEvent, which
// docs/security.md describes.
func (l *auditLog) record(e server.SecurityEvent) {
	if l.file.now() == "" {
		return
	}
	e.Time = e.Time.UTC()
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		l.file.report(err, 0) // never: each of its types has a text
		return
	}
	l.file.Write(line.Bytes())
}
