package tracing

import (
	"context"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/portico-ftp/portico/server"
)

// maxOperations bounds the spans below one command: removing a tree takes very
// many operations.
const maxOperations = 100

// scope is what the spans are made in the name of.
const scope = "github.com/portico-ftp/portico/server"

// Recorder makes spans of what a server tells. It is safe for concurrent use.
type Recorder struct {
	tracer trace.Tracer

	mu       sync.Mutex
	sessions map[uint64]*session // those that are sampled
}

// session is a session that is sampled. Its operations are under Recorder.mu.
type session struct {
	ctx        context.Context //nolint:containedctx // it carries the span
	span       trace.Span
	operations []operation // since the last command
	left       int         // operations that were too many
}

// operation is something that was asked of the storage.
type operation struct {
	name, path string
	began      time.Time
	took       time.Duration
	err        error
}

// New returns a recorder whose spans go to the provider, which stays the
// caller's.
func New(provider trace.TracerProvider) *Recorder {
	return &Recorder{tracer: provider.Tracer(scope), sessions: make(map[uint64]*session)}
}

// Session is a server's OnSession.
func (r *Recorder) Session(e server.SessionEvent) {
	if !e.Ended {
		r.begin(e)
		return
	}
	s := r.take(e.SessionID)
	if s == nil {
		return
	}
	if e.User != "" {
		s.span.SetAttributes(attribute.String("user.name", e.User))
	}
	s.span.End(trace.WithTimestamp(e.Time))
}

func (r *Recorder) begin(e server.SessionEvent) {
	ctx, span := r.tracer.Start(context.Background(), "ftp.session", trace.WithNewRoot(), trace.WithTimestamp(e.Time),
		trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("network.protocol.name", "ftp"),
			attribute.Int64("ftp.session_id", int64(e.SessionID)),
			attribute.String("client.address", e.Client.Addr().String()),
			attribute.Int("client.port", int(e.Client.Port())),
			attribute.String("server.address", e.Local.Addr().String()),
			attribute.Int("server.port", int(e.Local.Port())),
		))
	if !span.IsRecording() {
		span.End()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[e.SessionID] = &session{ctx: ctx, span: span}
}

func (r *Recorder) take(id uint64) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sessions[id]
	delete(r.sessions, id)
	return s
}

// Storage tells of an operation on the storage of a session, that has just ended.
// The path is where the user sees it, or the storage.
func (r *Recorder) Storage(session uint64, name, path string, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sessions[session]
	switch {
	case s == nil:
	case len(s.operations) >= maxOperations:
		s.left++
	default:
		s.operations = append(s.operations, operation{name, path, time.Now().Add(-took), took, err})
	}
}

// Command is a server's OnCommand.
func (r *Recorder) Command(e server.CommandEvent) {
	ended := time.Now()
	s, operations, left := r.operationsOf(e.SessionID)
	if s == nil {
		return
	}
	began := ended.Add(-e.Duration)
	ctx, span := r.tracer.Start(s.ctx, e.Verb, trace.WithTimestamp(began), trace.WithAttributes(
		attribute.String("ftp.command", e.Verb),
		attribute.String("ftp.argument", e.Argument),
		attribute.Int("ftp.reply_code", e.Code),
	))
	if e.Code >= 400 || e.Code == 0 {
		span.SetStatus(codes.Error, strconv.Itoa(e.Code))
	}
	if left > 0 {
		span.SetAttributes(attribute.Int("ftp.storage_operations_left_out", left))
	}
	for _, o := range operations {
		r.recordOperation(ctx, o)
	}
	span.End(trace.WithTimestamp(ended))
}

func (r *Recorder) operationsOf(id uint64) (s *session, operations []operation, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s = r.sessions[id]; s == nil {
		return nil, nil, 0
	}
	operations, left = s.operations, s.left
	s.operations, s.left = nil, 0
	return s, operations, left
}

func (r *Recorder) recordOperation(ctx context.Context, o operation) {
	_, span := r.tracer.Start(ctx, "storage."+o.name, trace.WithTimestamp(o.began), trace.WithAttributes(attribute.String("ftp.storage", o.path)))
	if o.err != nil {
		span.SetStatus(codes.Error, "the storage refused it")
		span.RecordError(o.err, trace.WithTimestamp(o.began.Add(o.took)))
	}
	span.End(trace.WithTimestamp(o.began.Add(o.took)))
}
