//go:build unix

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Control connections go to any of three replicas, and every data connection finds
// the one that waits for it: 10,000 transfers, each of content of its own.
func TestTransfersFindTheirReplica(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		proxied  bool
		sessions int
	}{
		{"PROXY protocol", true, 500},
		{"in the balancer's name", false, 50},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newReplicas(t, false, test.proxied)
			r.start()
			c := newCrowd(r, 10)
			c.run(test.sessions)
			c.check(test.sessions)
		})
	}
}

// A replica that dies takes its own sessions with it and nothing else.
func TestKilledReplicaLosesItsOwnSessionsAlone(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, false, true)
	large := bytes.Repeat(crowdContent(1, 2), 60_000) // more than fits into the sockets on the way
	if err := os.WriteFile(filepath.Join(r.home, "large"), large, 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	const killed = 1
	var downloads, uploads [replicaCount]*running
	for i := range replicaCount {
		downloads[i] = beginRunning(t, r.callTo(i, nil), "RETR /large")
		downloads[i].receive(len(large) / 8)
		uploads[i] = beginRunning(t, r.callTo(i, nil), "STOR /sent-to-%d", i)
		uploads[i].transmit(large[:len(large)/2])
	}
	r.kill(killed)
	for i := range replicaCount {
		if i == killed {
			downloads[i].wantLost()
			uploads[i].wantLost()
			continue
		}
		downloads[i].receive(len(large))
		if !bytes.Equal(downloads[i].received, large) {
			t.Errorf("replica %d: the download has %d bytes, want %d, or others", i, len(downloads[i].received), len(large))
		}
		uploads[i].transmit(large[len(large)/2:])
		for _, transfer := range []*running{downloads[i], uploads[i]} {
			if err := transfer.end(transfer.data); err != nil {
				t.Errorf("replica %d: %v", i, err)
			}
		}
		r.wantFile(fmt.Sprintf("sent-to-%d", i), large)
	}
	if _, err := os.Lstat(filepath.Join(r.home, fmt.Sprintf("sent-to-%d", killed))); !os.IsNotExist(err) {
		t.Errorf("the upload to the killed replica is there: %v", err)
	}

	c := newCrowd(r, 5)
	c.run(30)
	if c.transfers != 600 || c.reached[killed] != 0 {
		t.Errorf("with two replicas: %d transfers of 600, sessions by replica: %v", c.transfers, c.reached)
	}
	r.startOne(killed)
	again := r.callTo(killed, nil)
	if err := again.put("/again", large); err != nil {
		t.Errorf("the replica that is back: %v", err)
	}
	r.wantFile("again", large)
}

func (r *replicas) wantFile(name string, want []byte) {
	r.t.Helper()
	if got, err := os.ReadFile(filepath.Join(r.home, name)); err != nil || !bytes.Equal(got, want) {
		r.t.Errorf("%s holds %d bytes (%v), want %d, or others", name, len(got), err, len(want))
	}
}

// running is a transfer that is under way.
type running struct {
	*caller
	t        *testing.T
	data     net.Conn
	received []byte
}

func beginRunning(t *testing.T, c *caller, format string, args ...any) *running {
	t.Helper()
	data, err := c.begin(format, args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := data.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil { // or it takes in a file by itself
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = data.Close() })
	return &running{caller: c, t: t, data: data}
}

// receive reads until so many bytes in all are there.
func (r *running) receive(total int) {
	r.t.Helper()
	more, err := io.ReadAll(io.LimitReader(r.data, int64(total-len(r.received))))
	r.received = append(r.received, more...)
	if err != nil || len(r.received) < total {
		r.t.Errorf("%d bytes of %d, %v", len(r.received), total, err)
	}
}

func (r *running) transmit(content []byte) {
	r.t.Helper()
	if _, err := r.data.Write(content); err != nil {
		r.t.Error(err)
	}
}

// wantLost waits for the end of a session whose server is dead.
func (r *running) wantLost() {
	r.t.Helper()
	if text, err := r.ReadLine(); err == nil {
		r.t.Errorf("a dead server says %q", text)
	} else if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		r.t.Error("the session of a dead server goes on")
	}
}

// What a replica has kept of an interrupted upload, another one goes on with.
func TestInterruptedUploadGoesOnWithAnotherReplica(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, false, true)
	r.set("drain.timeout", "1s")
	r.start()
	content := bytes.Repeat(crowdContent(3, 4), 500)
	upload := beginRunning(t, r.callTo(0, nil), "STOR /interrupted")
	upload.transmit(content[:len(content)/2])
	r.each[0].signal(t, syscall.SIGTERM)
	r.each[0].exitCode(t, stopTimeout)

	next := r.callTo(2, nil)
	size, err := next.say(213, "SIZE /interrupted")
	if err != nil {
		t.Fatal(err)
	}
	there, err := strconv.Atoi(size)
	if err != nil || there == 0 || there > len(content)/2 {
		t.Fatalf("SIZE is %q, want what was sent, %d at most", size, len(content)/2)
	}
	if _, err := next.say(350, "REST %d", there); err != nil {
		t.Fatal(err)
	}
	if err := next.put("/interrupted", content[there:]); err != nil {
		t.Fatal(err)
	}
	r.wantFile("interrupted", content)
}

// Without slices, HAProxy sends all connections of a client to one replica.
func TestStickyClientsReachTheirReplica(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, true, true)
	r.set("log.sampling", "off")
	r.start()
	c := newCrowd(r, 12)
	c.run(60)
	if c.transfers != 1200 {
		t.Errorf("%d transfers of 1200", c.transfers)
	}
	served := map[string]int{} // by client: which replica
	for i, p := range r.each {
		log := p.log.String()
		if !strings.Contains(log, "logged in") {
			t.Errorf("replica %d has served nobody", i)
		}
		for client := range c.clients {
			address := clientAddress(client).String()
			if !strings.Contains(log, address+":") {
				continue
			}
			if other, twice := served[address]; twice {
				t.Errorf("client %s was with the replicas %d and %d", address, other, i)
			}
			served[address] = i
		}
	}
	if len(served) != c.clients {
		t.Errorf("the servers know %d clients by their address, want %d", len(served), c.clients)
	}
}

// crowd are clients that each have one session after another, and look in each at
// what the one before has uploaded.
type crowd struct {
	*replicas
	clients int

	mu        sync.Mutex // guards the rest
	transfers int
	reached   [replicaCount]int // sessions by replica
	resumed   int
	secured   int // data connections under TLS
}

func newCrowd(r *replicas, clients int) *crowd { return &crowd{replicas: r, clients: clients} }

// filesOfSession is how many files a session uploads, and then downloads.
const filesOfSession = 10

func (c *crowd) run(sessions int) {
	var all sync.WaitGroup
	for client := range c.clients {
		all.Go(func() {
			for session := client; session < sessions; session += c.clients {
				if err := c.session(client, session); err != nil {
					c.t.Errorf("session %d: %v", session, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// session uploads files, and downloads those that another session has uploaded.
func (c *crowd) session(client, session int) error {
	secure := session%3 == 0
	conn, err := c.call(client, secure)
	if err != nil {
		return err
	}
	conn.pasv = session%2 == 0
	other := session - c.clients
	if other < 0 {
		other = session
	}
	replica := -1
	for _, transfer := range c.transfersOf(conn, session, other) {
		if err := transfer(); err != nil {
			return errors.Join(fmt.Errorf("port %d: %w", conn.port, err), conn.conn.Close())
		}
		if replica >= 0 && replica != c.which(conn) {
			return errors.Join(fmt.Errorf("the session has ports of replicas %d and %d", replica, c.which(conn)), conn.conn.Close())
		}
		replica = c.which(conn)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transfers += 2 * filesOfSession
	c.reached[replica]++
	if secure {
		c.secured += 2 * filesOfSession
		c.resumed += conn.resumed
	}
	return conn.quit()
}

func (c *crowd) transfersOf(conn *caller, session, other int) []func() error {
	var all []func() error
	for file := range filesOfSession {
		all = append(all, func() error { return conn.put(crowdFile(session, file), crowdContent(session, file)) })
	}
	for file := range filesOfSession {
		all = append(all, func() error { return wantContent(conn, crowdFile(other, file), crowdContent(other, file)) })
	}
	return all
}

func wantContent(conn *caller, name string, want []byte) error {
	got, err := conn.get(name)
	if err != nil {
		return fmt.Errorf("RETR %s: %w", name, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("RETR %s: %d bytes that begin with %.40q, want %d that begin with %.40q", name, len(got), got, len(want), want)
	}
	return nil
}

func crowdFile(session, file int) string { return fmt.Sprintf("/crowd-%d-%d", session, file) }

// crowdContent says in each of its lines whose it is.
func crowdContent(session, file int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "session %d, file %d\n", session, file), 1+(session*7+file*13)%200)
}

// check looks at what no session has looked at, and at who has served whom.
func (c *crowd) check(sessions int) {
	c.t.Helper()
	if want := 2 * filesOfSession * sessions; c.transfers != want {
		c.t.Errorf("%d transfers of %d", c.transfers, want)
	}
	for i, n := range c.reached {
		if n < sessions/10 {
			c.t.Errorf("replica %d has served %d of %d sessions", i, n, sessions)
		}
	}
	if c.resumed != c.secured {
		c.t.Errorf("%d of %d data connections under TLS resumed", c.resumed, c.secured)
	}
	for session := sessions - c.clients; session < sessions; session++ {
		for file := range filesOfSession {
			got, err := os.ReadFile(filepath.Join(c.home, crowdFile(session, file)))
			if err != nil || !bytes.Equal(got, crowdContent(session, file)) {
				c.t.Errorf("file %d of session %d: %d bytes, %v", file, session, len(got), err)
			}
		}
	}
	c.t.Logf("%d transfers, sessions by replica: %v", c.transfers, c.reached)
}
