package main

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/portico-ftp/portico/server"
)

// commandLog writes each command as a line of JSON to a file of its own.
type commandLog struct{ log *zap.Logger }

func newCommandLog(file *logFile) *commandLog {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:        "time",
		EncodeTime:     zapcore.RFC3339NanoTimeEncoder,
		EncodeDuration: zapcore.SecondsDurationEncoder,
	})
	core := zapcore.NewCore(encoder, zapcore.AddSync(file), zapcore.InfoLevel)
	return &commandLog{zap.New(core, quietly())}
}

// quietly leaves it to a logFile to say that lines cannot be written: zap would
// do so for each of them.
func quietly() zap.Option { return zap.ErrorOutput(zapcore.AddSync(io.Discard)) }

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
