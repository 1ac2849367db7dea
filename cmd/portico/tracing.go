package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/afero"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/timing"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/tracing"
)

// traces is where spans go. It outlives reloads. A nil pointer is tracing that is
// off.
type traces struct {
	recorder *tracing.Recorder
	provider *sdktrace.TracerProvider
	log      *zap.Logger
}

// tracesTime is how long the last traces may take to be sent.
const tracesTime = 5 * time.Second

// openTraces begins to trace if the configuration asks for it. A collector that is
// away costs nothing but the traces.
func (s *setup) openTraces(ctx context.Context, log *zap.Logger) (*traces, error) {
	settings := s.config.Tracing
	if settings.Endpoint == "" {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(tracesURL(settings.Endpoint)))
	if err != nil {
		return nil, s.fault("tracing.endpoint", "%v", err)
	}
	// The environment comes last, so that it wins.
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "portico"), attribute.String("service.version", buildVersion())), resource.WithFromEnv())
	if err != nil {
		log.Warn("what the environment says about traces cannot be used", zap.Error(err))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces cannot be sent", zap.Error(err)) }))
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.TraceIDRatioBased(float64(settings.Percent)/100)),
	)
	return &traces{recorder: tracing.New(provider), provider: provider, log: log}, nil
}

// tracesURL adds the path of the protocol to an address that has none.
func tracesURL(endpoint string) string {
	address, err := url.Parse(endpoint)
	if err != nil || strings.Trim(address.Path, "/") != "" {
		return endpoint
	}
	return address.JoinPath("v1", "traces").String()
}

// hook has a server tell of sessions and commands, beside whoever it tells
// already.
func (t *traces) hook(options *server.Options) {
	if t == nil {
		return
	}
	options.OnSession = beside(options.OnSession, t.recorder.Session)
	options.OnCommand = beside(options.OnCommand, t.recorder.Command)
}

// beside calls both hooks, the first of which may be nil.
func beside[E any](first, second func(E)) func(E) {
	if first == nil {
		return second
	}
	return func(e E) {
		first(e)
		second(e)
	}
}

// layer has a storage tell of what is asked of it.
func (t *traces) layer(at driver.Place, storage afero.Fs) afero.Fs {
	if t == nil || at.SessionID == 0 {
		return storage
	}
	return timing.Layer(storage, func(operation timing.Operation, took time.Duration, err error) {
		t.recorder.Storage(at.SessionID, operation.String(), at.Path, took, err)
	})
}

// close sends what is left.
func (t *traces) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last traces were not sent", zap.Error(err))
	}
}

// tracingNeeds are the collector.
func (s *setup) tracingNeeds() confine.Needs {
	if s.config.Tracing.Endpoint == "" {
		return confine.Needs{}
	}
	return reachingWeb(s.config.Tracing.Endpoint)
}
