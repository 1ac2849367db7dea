package main

import (
	"errors"
	"io/fs"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zapio"

	"github.com/portico-ftp/portico/server"
)

// commandLog writes each command as a line of JSON to a file of its own. The
// file is only appended to, so that it can be truncated while it is in use.
type commandLog struct {
	file *os.File
	log  *zap.Logger
}

// openCommandLog opens the file, and returns nil where none is named. Lines that
// cannot be written later are errors in the ordinary log. The caller closes it.
func (s *setup) openCommandLog(log *zap.Logger) (*commandLog, error) {
	file, err := s.openCommandFile()
	if file == nil {
		return nil, err
	}
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:        "time",
		EncodeTime:     zapcore.RFC3339NanoTimeEncoder,
		EncodeDuration: zapcore.SecondsDurationEncoder,
	})
	core := zapcore.NewCore(encoder, zapcore.Lock(file), zapcore.InfoLevel)
	failures := &zapio.Writer{Log: log.Named("commands"), Level: zapcore.ErrorLevel}
	return &commandLog{file, zap.New(core, zap.ErrorOutput(zapcore.Lock(failures)))}, nil
}

func (s *setup) openCommandFile() (*os.File, error) {
	path := string(s.config.Log.Commands)
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return nil, s.fault("log.commands", "%v: name a file that the user whom Portico runs as can write", err)
	}
	return file, nil
}

// tryCommandLog opens the file and leaves everything as it was.
func (s *setup) tryCommandLog() error {
	path := string(s.config.Log.Commands)
	_, err := os.Lstat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	file, err := s.openCommandFile()
	if file == nil {
		return err
	}
	if isNew {
		err = os.Remove(path)
	}
	return errors.Join(err, file.Close())
}

// record is a server's OnCommand.
func (l *commandLog) record(e server.CommandEvent) {
	l.log.Info("",
		zap.Uint64("session", e.SessionID),
		zap.String("user", e.User),
		zap.String("verb", e.Verb),
		zap.String("argument", e.Argument),
		zap.Int("code", e.Code),
		zap.Duration("duration", e.Duration))
}

func (l *commandLog) close() error { return l.file.Close() }
