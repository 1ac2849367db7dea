package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server"
)

// auditLog writes each security event as a line of JSON to a file of its own.
// It is safe for concurrent use.
type auditLog struct {
	path string
	log  *zap.Logger

	mu      sync.Mutex
	file    *os.File
	line    bytes.Buffer
	failing bool // was logged
}

// openAuditLog opens the file, and returns nil where none is named. Lines that
// cannot be written later are errors in the ordinary log. The caller closes it.
func (s *setup) openAuditLog(log *zap.Logger) (*auditLog, error) {
	path := string(s.config.Log.Audit)
	if path == "" {
		return nil, nil
	}
	file, err := appendTo(path)
	if err != nil {
		return nil, s.fault("log.audit", "%v: name a file that the user whom Portico runs as can write", err)
	}
	return &auditLog{path: path, log: log.Named("audit"), file: file}, nil
}

func appendTo(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// tryAuditLog opens the file and leaves everything as it was.
func (s *setup) tryAuditLog() error {
	path := string(s.config.Log.Audit)
	_, err := os.Lstat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	audit, err := s.openAuditLog(zap.NewNop())
	if audit == nil {
		return err
	}
	if isNew {
		err = os.Remove(path)
	}
	return errors.Join(err, audit.close())
}

// record writes a line. Its fields are those of server.SecurityEvent, which
// docs/security.md describes.
func (l *auditLog) record(e server.SecurityEvent) {
	e.Time = e.Time.UTC()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line.Reset()
	encoder := json.NewEncoder(&l.line)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(e)
	if err == nil {
		_, err = l.file.Write(l.line.Bytes()) // in one call, so that lines stay whole
	}
	if err != nil && !l.failing {
		l.log.Error("security events are not written: make room, or mend the file (log.audit)", zap.Error(err))
	}
	l.failing = err != nil
}

// reopen goes on in a new file of the same name, after the old one was moved
// away. After an error it goes on in the old one.
func (l *auditLog) reopen() error {
	file, err := appendTo(l.path)
	if err != nil {
		return fmt.Errorf("log.audit: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.file
	l.file, l.failing = file, false
	return old.Close()
}

func (l *auditLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
