package server

import (
	"context"
	"log/slog"

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
