package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
)

// logs are a server's logs. They are open before anything else is, and closed
// after it. Reloads may give them other files.
type logs struct {
	ordinary *zap.Logger
	level    zap.AtomicLevel // of the ordinary log
	sampling *sampling       // of the ordinary log; nil: it is complete
	audit    *auditLog
	commands *commandLog
	xferlog  *transferLog
	w3c      *transferLog
	files    map[string]*logFile // of all of these, by the keys of logPaths

	changing sync.Mutex // held by whoever has files go on elsewhere
}

// transferLog writes a line for each event of its concern.
type transferLog struct {
	file *logFile
	line func(server.Event) []byte // nil: it has none for this one
}

func (l *transferLog) record(e server.Event) {
	if l.file.now() == "" {
		return
	}
	if line := l.line(e); line != nil {
		l.file.Write(line)
	}
}

// logPath is a key that names a file, and its name, which may be empty.
type logPath struct{ key, path string }

func logPaths(l config.Log) []logPath {
	return []logPath{
		{"log.file", string(l.File)}, {"log.audit", string(l.Audit)}, {"log.commands", string(l.Commands)},
		{"log.xferlog", string(l.Xferlog)}, {"log.w3c", string(l.W3C)},
	}
}

// hasTransferLogs says whether events are to be written down.
func hasTransferLogs(l config.Log) bool { return l.Xferlog != "" || l.W3C != "" }

// openLogs opens all files, or none. The ordinary log goes to standard error
// unless it has a file. The caller closes them.
func (s *setup) openLogs(stderr io.Writer) (*logs, error) {
	l := &logs{files: map[string]*logFile{}}
	for _, named := range logPaths(s.config.Log) {
		l.files[named.key] = newLogFile(named.key, io.Discard)
	}
	l.files["log.file"].otherwise = stderr
	l.files["log.w3c"].header = w3cHeader
	l.audit = &auditLog{l.files["log.audit"]}
	l.commands = newCommandLog(l.files["log.commands"])
	l.xferlog = &transferLog{l.files["log.xferlog"], xferlogLine}
	l.w3c = &transferLog{l.files["log.w3c"], w3cLine}
	if err := l.openOrdinary(s.config.Log, stderr); err != nil {
		return nil, err
	}
	change, err := l.prepare(s)
	if err != nil {
		return nil, err
	}
	change.commit()
	return l, nil
}

// openOrdinary makes the ordinary log, which tells of the failures of the
// others. Its own are told on standard error.
func (l *logs) openOrdinary(settings config.Log, stderr io.Writer) error {
	last, _, err := newLogger(settings, stderr)
	if err != nil {
		return err
	}
	if l.ordinary, l.level, err = newLogger(settings, l.files["log.file"]); err != nil {
		return err
	}
	l.ordinary = l.ordinary.WithOptions(quietly())
	if settings.Sampling == "auto" {
		l.sampling, l.ordinary = sample(l.ordinary)
	}
	for key, file := range l.files {
		if key == "log.file" {
			file.report = reportTo(last, key)
		} else {
			file.report = reportTo(l.ordinary, key)
		}
	}
	return nil
}

// reportTo tells a log that lines of a file are lost.
func reportTo(log *zap.Logger, key string) func(error, int) {
	log = log.With(zap.String("setting", key))
	return func(err error, lost int) {
		if err != nil {
			log.Error("lines of a log are not written: make room, or mend the file", zap.Error(err))
			return
		}
		log.Warn("lines of a log are written again", zap.Int("lost", lost))
	}
}

// logChange is what logs can go on in.
type logChange struct {
	logs  *logs
	paths []logPath
	files []*os.File // of paths; nil for those that are off
}

// prepare opens the files that a configuration names, the same as before anew.
// Its error joins those that cannot be opened. The caller commits or discards
// the change.
func (l *logs) prepare(s *setup) (*logChange, error) {
	change, faults := &logChange{logs: l, paths: logPaths(s.config.Log)}, []error(nil)
	for _, named := range change.paths {
		file, err := s.openLog(named)
		change.files = append(change.files, file)
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		change.discard()
		return nil, err
	}
	return change, nil
}

func (s *setup) openLog(named logPath) (*os.File, error) {
	file, err := openLogFile(named.path)
	if err != nil {
		return nil, s.fault(named.key, "%v: name a file that the user whom Portico runs as can write", err)
	}
	return file, nil
}

func (c *logChange) commit() {
	c.logs.changing.Lock()
	defer c.logs.changing.Unlock()
	for i, named := range c.paths {
		c.logs.files[named.key].goOn(named.path, c.files[i])
	}
}

func (c *logChange) discard() {
	for _, file := range c.files {
		if file != nil {
			file.Close()
		}
	}
}

// tryLog opens a file and leaves everything as it was.
func (s *setup) tryLog(named logPath) error {
	_, err := os.Lstat(named.path)
	isNew := errors.Is(err, fs.ErrNotExist)
	file, err := s.openLog(named)
	if err != nil {
		return err
	}
	if isNew {
		err = os.Remove(named.path)
	}
	return errors.Join(err, file.Close())
}

// transfer writes an event to the logs of transfers.
func (l *logs) transfer(e server.Event) {
	l.xferlog.record(e)
	l.w3c.record(e)
}

// reopen goes on in new files, after the old ones were moved away. Its error
// names those that could not be opened; they go on in the old ones.
func (l *logs) reopen() error {
	l.changing.Lock()
	defer l.changing.Unlock()
	var faults []error
	for _, file := range l.files {
		faults = append(faults, file.reopen())
	}
	return errors.Join(faults...)
}

// close writes what is left to say and closes the files.
func (l *logs) close() {
	if l.sampling != nil {
		l.sampling.report(time.Now())
	}
	for _, file := range l.files {
		file.close()
	}
}
