//go:build unix

package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spans are what a collector has got.
type spans struct {
	mu  sync.Mutex
	all []*trace.Span // guarded by mu
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			s.all = append(s.all, scope.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// below says whether a span of one name is below one of another.
func (s *spans) below(name, parent string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, child := range s.all {
		for _, above := range s.all {
			if child.Name == name && above.Name == parent && string(child.ParentSpanId) == string(above.SpanId) && string(child.TraceId) == string(above.TraceId) {
				return true
			}
		}
	}
	return false
}

func TestTracesOfASession(t *testing.T) {
	t.Parallel()
	got := &spans{}
	at := httptest.NewServer(got)
	defer at.Close()
	s := newSite(t)
	s.provide(t, "file.bin")
	s.settings["tracing"] = map[string]any{"endpoint": at.URL}
	s.settings["sandbox"] = "auto"
	p := s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.retr("/file.bin")
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatal(err)
	}
	r.expect(226)
	command(r, 221, "QUIT")
	p.signal(t, syscall.SIGTERM) // what is left is sent then
	if code := p.exitCode(t, stopTimeout); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	for _, want := range []struct{ name, parent string }{{"PASS", "ftp.session"}, {"RETR", "ftp.session"}, {"storage.open", "RETR"}} {
		if !got.below(want.name, want.parent) {
			t.Errorf("there is no span %s below one %s", want.name, want.parent)
		}
	}
}
