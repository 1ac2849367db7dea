package tracing_test

import (
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/tracing"
)

// A server calls Session and Command when Options.OnSession and
// Options.OnCommand are set to them.
func ExampleNew() {
	spans := tracetest.NewSpanRecorder() // yours is an exporter
	recorder := tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))

	recorder.Session(server.SessionEvent{SessionID: 1})
	recorder.Command(server.CommandEvent{SessionID: 1, Verb: "NOOP", Code: 200})
	recorder.Session(server.SessionEvent{SessionID: 1, Ended: true})
	for _, span := range spans.Ended() {
		fmt.Println(span.Name())
	}
	// Output:
	// NOOP
	// ftp.session
}
