//go:build linux

package firewall

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"
)

const (
	decoyPort = 30000
	decoyText = "nobody outside may read this"
	// decoyVariable makes the test binary a decoy.
	decoyVariable = "PORTICO_TEST_DECOY"
)

// decoy starts a service that no rule is for.
func (ns *namespace) decoy(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := ns.command(context.Background(), self)
	cmd.Env = append(cmd.Env, decoyVariable+"=1")
	start(t, cmd).awaitListening(t, ns, decoyPort)
	if !ns.reaches(t, "127.0.0.1", decoyPort) {
		t.Fatalf("the decoy in %s does not answer", ns.name)
	}
}

// serveDecoy is the decoy, in a process of its own.
func serveDecoy() int {
	service := &http.Server{
		Addr:              fmt.Sprintf(":%d", decoyPort),
		ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, decoyText)
		}),
	}
	fmt.Fprintln(os.Stderr, service.ListenAndServe())
	return 1
}
