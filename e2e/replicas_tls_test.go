//go:build unix

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/textproto"
	"os"
	"path/filepath"
	"testing"
)

// A program that keeps the tickets of all its sessions in one place shows a replica
// those of another one. That costs it a full handshake, and nothing more.
func TestTicketOfAnotherReplicaCostsAHandshake(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, false, true)
	r.start()
	common := suite.tls.client("127.0.0.1")
	first, second := r.callTo(0, common), r.callTo(1, common)
	for round := range 3 {
		for i, c := range []*caller{first, second} {
			name, content := crowdFile(i, round), crowdContent(i, round)
			if err := c.put(name, content); err != nil {
				t.Errorf("round %d: STOR at replica %d: %v", round, i, err)
			}
			for range 2 {
				if err := wantContent(c, name, content); err != nil {
					t.Errorf("round %d: RETR at replica %d: %v", round, i, err)
				}
			}
		}
	}
	for i, c := range []*caller{first, second} {
		// The first download brings the ticket for the second.
		if c.resumed != 3 {
			t.Errorf("replica %d: %d of 9 data connections resumed, want 3", i, c.resumed)
		}
	}
}

// Where resuming is required, such a program is refused at times, and those that
// keep the tickets of sessions apart are not.
func TestRequiredResumptionAtReplicas(t *testing.T) {
	t.Parallel()
	need(t, "lftp")
	r := newReplicas(t, false, true)
	r.set("tls.session_reuse", "required")
	content := crowdContent(5, 6)
	for file := range 24 {
		if err := os.WriteFile(filepath.Join(r.home, fmt.Sprint("file-", file)), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	t.Run("tickets in one place", func(t *testing.T) {
		common := suite.tls.client("127.0.0.1")
		first, second := r.callTo(0, common), r.callTo(1, common)
		for i, c := range []*caller{first, second} {
			_, err := c.get("/file-0") // shows what the other has been sent
			if refused := (*textproto.Error)(nil); !errors.As(err, &refused) || refused.Code != 522 {
				t.Errorf("replica %d: %v, want 522", i, err)
			}
			if err := wantContent(c, "/file-0", content); err != nil { // and now its own
				t.Errorf("replica %d, once more: %v", i, err)
			}
		}
	})
	t.Run("tickets apart", func(t *testing.T) {
		var clients []*caller
		for i := range replicaCount {
			clients = append(clients, r.callTo(i, suite.tls.client("127.0.0.1")))
		}
		for i, c := range clients {
			if err := wantContent(c, "/file-0", content); err != nil {
				t.Errorf("replica %d: %v", i, err)
			}
		}
	})
	t.Run("lftp", func(t *testing.T) {
		reached := map[int]bool{}
		for attempt := 0; attempt < 10 && len(reached) < 2; attempt++ {
			r.mirror(t, content, reached)
		}
		if len(reached) < 2 {
			t.Errorf("all connections of lftp were with the replicas %v", reached)
		}
	})
}

// mirror downloads with several connections of one lftp.
func (r *replicas) mirror(t *testing.T, want []byte, reached map[int]bool) {
	t.Helper()
	e := r.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir())
	e.port = r.front
	l := newLftp(t, e)
	copied := filepath.Join(e.scratch, "copied")
	if _, err := l.run("mirror --parallel=5 --include-glob=file-* --no-recursion / %s", copied); err != nil {
		t.Fatalf("%v\n%s", err, l.trace())
	}
	files, err := filepath.Glob(filepath.Join(copied, "file-*"))
	if err != nil || len(files) != 24 {
		t.Fatalf("%d files of 24: %v\n%s", len(files), err, l.trace())
	}
	for _, file := range files {
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", file, len(got), err)
		}
	}
	for _, port := range passivePorts(l.trace()) {
		reached[(port-r.advertised.first)/sliceSize] = true
	}
}
