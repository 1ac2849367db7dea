package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
)

// logs are a server's logs. They are open before anything else is, and closed
// after it.
type logs struct {
	ordinary  *zap.Logger
	sampling  *sampling   // of the ordinary log; nil: it is complete
	audit     *auditLog   // nil: no file of its own
	commands  *commandLog // nil: no file of its own
	transfers []transferLog
	files     []*logFile // of all of these
}

// transferLog writes a line for each event of its concern.
type transferLog struct {
	line func(server.Event) []byte // nil: it has none for this one
	file *logFile
}

// logPath is a key that names a file, and its name.
type logPath struct{ key, path string }

func (s *setup) logPaths() []logPath {
	l := s.config.Log
	var named []logPath
	for _, one := range []logPath{
		{"log.file", string(l.File)}, {"log.audit", string(l.Audit)}, {"log.commands", string(l.Commands)},
		{"log.xferlog", string(l.Xferlog)}, {"log.w3c", string(l.W3C)},
	} {
		if one.path != "" {
			named = append(named, one)
		}
	}
	return named
}

// openLogs opens all files, or none. The ordinary log goes to standard error
// unless it has a file. The caller closes them.
func (s *setup) openLogs(stderr io.Writer) (*logs, error) {
	l, files := &logs{}, map[string]*logFile{}
	var faults []error
	for _, one := range s.logPaths() {
		file, err := s.openLog(one)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		l.files, files[one.key] = append(l.files, file), file
	}
	if err := errors.Join(faults...); err != nil {
		return nil, errors.Join(err, l.close())
	}
	if err := l.openOrdinary(s.config.Log, files["log.file"], stderr); err != nil {
		return nil, errors.Join(err, l.close())
	}
	if file := files["log.audit"]; file != nil {
		l.audit = &auditLog{file}
	}
	if file := files["log.commands"]; file != nil {
		l.commands = newCommandLog(file)
	}
	if file := files["log.xferlog"]; file != nil {
		l.transfers = append(l.transfers, transferLog{xferlogLine, file})
	}
	if file := files["log.w3c"]; file != nil {
		file.header = w3cHeader
		l.transfers = append(l.transfers, transferLog{w3cLine, file})
	}
	return l, nil
}

func (s *setup) openLog(one logPath) (*logFile, error) {
	file, err := openLogFile(one.key, one.path)
	if err != nil {
		return nil, s.fault(one.key, "%v: name a file that the user whom Portico runs as can write", err)
	}
	return file, nil
}

// tryLog opens a file and leaves everything as it was.
func (s *setup) tryLog(one logPath) error {
	_, err := os.Lstat(one.path)
	isNew := errors.Is(err, fs.ErrNotExist)
	file, err := s.openLog(one)
	if err != nil {
		return err
	}
	if isNew {
		err = os.Remove(one.path)
	}
	return errors.Join(err, file.close())
}

// openOrdinary makes the ordinary log, which tells of the failures of the
// others. Its own are told on standard error.
func (l *logs) openOrdinary(settings config.Log, file *logFile, stderr io.Writer) error {
	log, err := newLogger(settings, stderr)
	if err != nil {
		return err
	}
	if file != nil {
		file.report = reportTo(log, file)
		if log, err = newLogger(settings, file); err != nil {
			return err
		}
		log = log.WithOptions(quietly())
	}
	if settings.Sampling == "auto" {
		l.sampling, log = sample(log)
	}
	for _, other := range l.files {
		if other != file {
			other.report = reportTo(log, other)
		}
	}
	l.ordinary = log
	return nil
}

// reportTo tells a log that lines of a file are lost.
func reportTo(log *zap.Logger, file *logFile) func(error, int) {
	log = log.With(zap.String("setting", file.key), zap.String("file", file.path))
	return func(err error, lost int) {
		if err != nil {
			log.Error("lines of a log are not written: make room, or mend the file", zap.Error(err))
			return
		}
		log.Warn("lines of a log are written again", zap.Int("lost", lost))
	}
}

// transfer writes an event to the logs of transfers.
func (l *logs) transfer(e server.Event) {
	for _, to := range l.transfers {
		if line := to.line(e); line != nil {
			to.file.Write(line)
		}
	}
}

// reopen goes on in new files, after the old ones were moved away. Its error
// names those that could not be opened; they go on in the old ones.
func (l *logs) reopen() error {
	var faults []error
	for _, file := range l.files {
		faults = append(faults, file.reopen())
	}
	return errors.Join(faults...)
}

// close writes what is left to say and closes the files.
func (l *logs) close() error {
	if l.sampling != nil {
		l.sampling.report(time.Now())
	}
	var faults []error
	for _, file := range l.files {
		faults = append(faults, file.close())
	}
	return errors.Join(faults...)
}
