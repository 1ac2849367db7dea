package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
)

// engineLogger is the log of a session's engine. Most of what the engine
// reports is about clients' mistakes, which the session logs in its own words,
// so everything but errors is for debugging.
func engineLogger(s *session) *slog.Logger {
	log, core := s.log, s.log.Core()
	return slog.New(&engineHandler{
		Handler: zapslog.NewHandler(core, zapslog.WithName(log.Name()+".engine"), zapslog.WithCaller(false), zapslog.AddStacktraceAt(slog.LevelError+1)),
		debug:   core.Enabled(zapcore.DebugLevel),
		over:    s.over.Load,
	})
}

// engineHandler lowers the engine's levels: errors to warnings, the rest to
// debug.
type engineHandler struct {
	slog.Handler
	debug bool
	over  func() bool // the session has ended, and the log may be gone
}

func (h *engineHandler) Enabled(_ context.Context, level slog.Level) bool {
	return (h.debug || level >= slog.LevelError) && !h.over()
}

func (h *engineHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		r.Level = slog.LevelWarn
	} else {
		r.Level = slog.LevelDebug
	}
	return h.Handler.Handle(ctx, r)
}

func (h *engineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if !h.debug {
		return h // nearly nothing is logged: not worth a copy per session
	}
	return &engineHandler{Handler: h.Handler.WithAttrs(attrs), debug: h.debug, over: h.over}
}

func (h *engineHandler) WithGroup(name string) slog.Handler {
	return &engineHandler{Handler: h.Handler.WithGroup(name), debug: h.debug, over: h.over}
}

// withFields adds fields to a log that lives as long as a session. A core of
// zap's encodes them at once, into a buffer of 1 KiB that it keeps: for idle
// sessions, fields that are encoded with each line are cheaper.
func withFields(log *zap.Logger, fields ...zap.Field) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		if late, ok := core.(*lateCore); ok {
			return late.with(fields)
		}
		return &lateCore{Core: core, fields: fields}
	}))
}

// lateCore adds its fields to each line.
type lateCore struct {
	zapcore.Core
	fields []zap.Field
}

// With implements zapcore.Core, for those who add fields for a short time.
func (c *lateCore) With(fields []zap.Field) zapcore.Core { return c.with(fields) }

func (c *lateCore) with(fields []zap.Field) *lateCore {
	return &lateCore{Core: c.Core, fields: append(slices.Clip(c.fields), fields...)}
}

// Check implements zapcore.Core. Which cores get the line is asked in Write:
// several that are one to the outside have levels, or samples, of their own.
func (c *lateCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

// Write implements zapcore.Core.
func (c *lateCore) Write(entry zapcore.Entry, fields []zap.Field) error {
	checked := c.Core.Check(entry, nil)
	if checked == nil {
		return nil
	}
	var failure failedWrite
	checked.ErrorOutput = &failure
	checked.Write(append(slices.Clip(c.fields), fields...)...)
	return failure.err
}

// failedWrite takes what zap says of a line that could not be written.
type failedWrite struct{ err error }

func (f *failedWrite) Write(text []byte) (int, error) {
	f.err = errors.Join(f.err, errors.New(strings.TrimSpace(string(text))))
	return len(text), nil
}

func (f *failedWrite) Sync() error { return nil }
