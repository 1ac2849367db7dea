package s3server

import (
	"os"
	"testing"
)

// Need starts a server for the length of a test. Where it cannot be built, the
// test is skipped, and fails in CI.
func Need(t testing.TB) *Server {
	t.Helper()
	if _, err := Program(); err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	s, err := Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// NeedProxy puts a proxy in front of a server for the length of a test.
func NeedProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	p, err := NewProxy(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}
