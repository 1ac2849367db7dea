package tracing_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/tracing"
)

func recorder(sampler sdktrace.Sampler) (*tracing.Recorder, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	return tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(spans))), spans
}

func session(id uint64, ended bool) server.SessionEvent {
	return server.SessionEvent{
		Ended: ended, Time: time.Now(), SessionID: id, User: "alice",
		Client: netip.MustParseAddrPort("192.0.2.7:4000"), Local: netip.MustParseAddrPort("192.0.2.1:21"),
	}
}

func TestSpansOfASession(t *testing.T) {
	t.Parallel()
	r, spans := recorder(sdktrace.AlwaysSample())
	r.Session(session(1, false))
	r.Command(server.CommandEvent{SessionID: 1, Verb: "NOOP", Code: 200, Duration: time.Millisecond})
	r.Storage(1, "open", "/file", time.Millisecond, nil)
	r.Storage(1, "stat", "/file", time.Millisecond, errors.New("no"))
	r.Storage(2, "open", "/other", time.Millisecond, nil) // nobody knows that session
	r.Command(server.CommandEvent{SessionID: 1, Verb: "RETR", Argument: "/file", Code: 550, Duration: 5 * time.Millisecond})
	r.Command(server.CommandEvent{SessionID: 2, Verb: "NOOP", Code: 200})
	r.Session(session(1, true))
	r.Session(session(1, true))

	parents, names := map[string]string{}, map[string]string{}
	ended := spans.Ended()
	for _, span := range ended {
		names[span.SpanContext().SpanID().String()] = span.Name()
	}
	for _, span := range ended {
		parents[span.Name()] = names[span.Parent().SpanID().String()]
		if span.EndTime().Before(span.StartTime()) {
			t.Errorf("%s ends before it begins", span.Name())
		}
	}
	want := map[string]string{"ftp.session": "", "NOOP": "ftp.session", "RETR": "ftp.session", "storage.open": "RETR", "storage.stat": "RETR"}
	if len(ended) != len(want) {
		t.Errorf("%d spans, want %d: %v", len(ended), len(want), names)
	}
	for name, parent := range want {
		if got, ok := parents[name]; !ok || got != parent {
			t.Errorf("%s is below %q, %v, want below %q", name, got, ok, parent)
		}
	}
	i := slices.IndexFunc(ended, func(s sdktrace.ReadOnlySpan) bool { return s.Name() == "RETR" })
	if ended[i].Status().Code != codes.Error {
		t.Errorf("the status of a failed command is %v", ended[i].Status())
	}
}

func TestOperationsOfACommandAreBounded(t *testing.T) {
	t.Parallel()
	r, spans := recorder(sdktrace.AlwaysSample())
	r.Session(session(1, false))
	for range 1000 {
		r.Storage(1, "remove", "/", 0, nil)
	}
	r.Command(server.CommandEvent{SessionID: 1, Verb: "SITE", Code: 200})
	r.Command(server.CommandEvent{SessionID: 1, Verb: "NOOP", Code: 200})
	if got := len(spans.Ended()); got != 102 {
		t.Errorf("%d spans, want 100 and those of two commands", got)
	}
}

func TestWhatIsNotSampledIsForgotten(t *testing.T) {
	t.Parallel()
	r, spans := recorder(sdktrace.NeverSample())
	r.Session(session(1, false))
	r.Storage(1, "open", "/", 0, nil)
	r.Command(server.CommandEvent{SessionID: 1, Verb: "NOOP", Code: 200})
	r.Session(session(1, true))
	if got := len(spans.Ended()); got != 0 {
		t.Errorf("%d spans, want none", got)
	}
}
