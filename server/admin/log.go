package admin

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

// LogEntry is one entry of the log.
type LogEntry struct {
	// Number counts entries, so that one can ask for those behind it.
	Number  uint64          `json:"number"`
	Time    time.Time       `json:"time"`
	Level   string          `json:"level"`
	Logger  string          `json:"logger,omitempty"`
	Message string          `json:"message"`
	Fields  json.RawMessage `json:"fields"`
}

// LogTail remembers the last entries of a log. It is safe for concurrent use.
type LogTail struct {
	mu      sync.Mutex // guards the rest
	entries []LogEntry // a ring
	total   uint64
}

// NewLogTail returns a tail of so many entries.
func NewLogTail(entries int) *LogTail { return &LogTail{entries: make([]LogEntry, 0, max(entries, 1))} }

// Core returns a core that writes to the tail, to be put beside that of a logger
// with zapcore.NewTee.
func (t *LogTail) Core(levels zapcore.LevelEnabler) zapcore.Core {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{ // of the fields alone
		EncodeTime: zapcore.RFC3339NanoTimeEncoder, EncodeDuration: zapcore.StringDurationEncoder, SkipLineEnding: true,
	})
	return &tailCore{LevelEnabler: levels, tail: t, encoder: encoder}
}

// After returns entries behind a number, the newest if there are more than limit.
func (t *LogTail) After(number uint64, limit int) []LogEntry {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.total - uint64(len(t.entries)) // number of the one before the oldest
	from := max(number, first)
	if number > t.total { // of another process
		from = first
	}
	if n := t.total - from; n > uint64(limit) {
		from = t.total - uint64(limit)
	}
	entries := make([]LogEntry, 0, t.total-from)
	for n := from; n < t.total; n++ {
		entries = append(entries, t.entries[n%uint64(cap(t.entries))])
	}
	return entries
}

func (t *LogTail) add(e LogEntry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.total % uint64(cap(t.entries))
	t.total++
	e.Number = t.total
	if at == uint64(len(t.entries)) {
		t.entries = append(t.entries, e)
	} else {
		t.entries[at] = e
	}
}

type tailCore struct {
	zapcore.LevelEnabler
	tail    *LogTail
	encoder zapcore.Encoder
}

// With implements zapcore.Core.
func (c *tailCore) With(fields []zapcore.Field) zapcore.Core {
	encoder := c.encoder.Clone()
	for _, f := range fields {
		f.AddTo(encoder)
	}
	return &tailCore{c.LevelEnabler, c.tail, encoder}
}

// Check implements zapcore.Core.
func (c *tailCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

// Write implements zapcore.Core.
func (c *tailCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	text, err := c.encoder.EncodeEntry(e, fields)
	if err != nil {
		return err
	}
	defer text.Free()
	c.tail.add(LogEntry{
		Time: e.Time, Level: e.Level.String(), Logger: e.LoggerName, Message: e.Message,
		Fields: json.RawMessage(append([]byte{}, text.Bytes()...)),
	})
	return nil
}

// Sync implements zapcore.Core.
func (c *tailCore) Sync() error { return nil }

func (a *Admin) serveLog(w http.ResponseWriter, r *http.Request) {
	limit, ok := limitOf(w, r, 100)
	if !ok {
		return
	}
	after, ok := afterOf(w, r)
	if ok {
		answer(w, http.StatusOK, map[string]any{"entries": a.opts.Log.After(after, limit)})
	}
}
