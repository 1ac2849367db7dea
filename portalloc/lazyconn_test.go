package portalloc

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestAcceptReturnsBeforeTheHello is lftp's way: it says who it is only when it
// knows that its connection was accepted.
func TestAcceptReturnsBeforeTheHello(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		one, two := b.tryAs("203.0.113.1", 1), b.tryAs("203.0.113.1", 2)
		first := b.connect(one, "203.0.113.1", "")
		second := b.connect(two, "203.0.113.1", "")
		connOne, err := one.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := one.Accept(t.Context()); !errors.Is(err, ErrAccepted) {
			t.Errorf("second Accept: %v; want ErrAccepted", err)
		}
		connTwo, err := two.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := connOne.RemoteAddr().String(); got != "203.0.113.1:0" {
			t.Errorf("RemoteAddr %s; want the client's with port 0", got)
		}
		go io.WriteString(second, "1 is mine") // whose connection it is, nobody can tell before
		go io.WriteString(first, "2 is mine")
		for want, conn := range map[string]net.Conn{"1 is mine": connOne, "2 is mine": connTwo} {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
				t.Errorf("read %q, %v; want %q", got, err, want)
			}
			if conn.RemoteAddr().String() != "203.0.113.1:50000" || conn.LocalAddr().String() != "192.0.2.1:7" {
				t.Errorf("the connection is %v to %v", conn.RemoteAddr(), conn.LocalAddr())
			}
			if err := conn.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		b.wantClosed(first)
	})
}

func TestLazyConnectionReadsAndWritesAtOnce(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		for range 200 { // both wait for the connection, and either may get it first
			b.readAndWriteLazily(t)
		}
	})
}

func (b *testbed) readAndWriteLazily(t *testing.T) {
	l := b.tryAs("203.0.113.1", 1)
	client := b.connect(l, "203.0.113.1", "")
	conn, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var both sync.WaitGroup
	both.Go(func() {
		got := make([]byte, 5)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "1ping" {
			t.Errorf("read %q, %v", got, err)
		}
	})
	both.Go(func() {
		if _, err := io.WriteString(conn, "pong"); err != nil {
			t.Errorf("write: %v", err)
		}
	})
	synctest.Wait()
	io.WriteString(client, "1ping")
	got := make([]byte, 4)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "pong" {
		t.Errorf("the client read %q, %v", got, err)
	}
	both.Wait()
}

func TestLazyConnectionEnds(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity, AcceptTimeout: time.Minute}
	for name, test := range map[string]struct {
		end  func(l *Lease, conn net.Conn)
		want error
	}{
		"with its own Close":            {func(_ *Lease, conn net.Conn) { conn.Close() }, net.ErrClosed},
		"with its lease":                {func(l *Lease, _ net.Conn) { l.Close() }, ErrNotConnected},
		"when its lease expires":        {func(*Lease, net.Conn) { time.Sleep(time.Minute) }, ErrNotConnected},
		"with its deadline, set before": {func(_ *Lease, conn net.Conn) { time.Sleep(10 * time.Second) }, os.ErrDeadlineExceeded},
		"with its deadline, set while it waits": {
			func(_ *Lease, conn net.Conn) { conn.SetDeadline(time.Now()) }, os.ErrDeadlineExceeded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, opts, func(t *testing.T, b *testbed) {
				l := b.tryAs("203.0.113.1", 1)
				client := b.connect(l, "203.0.113.1", "")
				conn, err := l.Accept(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if name == "with its deadline, set before" {
					conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				}
				failed := make(chan error, 1)
				go func() {
					_, err := conn.Read(make([]byte, 1))
					failed <- err
				}()
				synctest.Wait()
				test.end(l, conn)
				if err := <-failed; !errors.Is(err, test.want) {
					t.Errorf("Read: %v; want %v", err, test.want)
				}
				conn.Close()
				if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("second Close: %v; want net.ErrClosed", err)
				}
				if err := conn.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
					t.Errorf("SetDeadline after Close: %v; want net.ErrClosed", err)
				}
				client.Close()
			})
		})
	}
}

func TestDeadlinesOutliveTheWait(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		l := b.tryAs("203.0.113.1", 1)
		client := b.connect(l, "203.0.113.1", "")
		conn, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		go io.WriteString(client, "1")
		start := time.Now()
		_, err = io.ReadAll(conn)
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("read failed with %v after %v; want the deadline of 5 s", err, time.Since(start))
		}
	})
}
