package server

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-ftp/portico/driver"
)

// How long data connections take is measured in the test's own time: nothing
// takes any but what the limits make them wait.

const (
	rate   = 1 << 20
	length = 10 * rate
)

// rated is a session of a server with these limits, whose account has none of
// its own.
func rated(t *testing.T, limits Bandwidth) *session {
	t.Helper()
	return ratedServer(t, limits).rated(t, driver.Limits{})
}

type ratedSite struct{ *Server }

func ratedServer(t *testing.T, limits Bandwidth) ratedSite {
	t.Helper()
	s, err := New(Options{Auth: nobody{}, Limits: Limits{Bandwidth: limits}})
	if err != nil {
		t.Fatal(err)
	}
	return ratedSite{s}
}

type nobody struct{}

func (nobody) Authenticate(context.Context, driver.Attempt) (*driver.Account, error) {
	return nil, driver.ErrDenied
}

func (s ratedSite) rated(t *testing.T, own driver.Limits) *session {
	t.Helper()
	session := newSession(s.Server, 1, nil, Listener{})
	session.account = &driver.Account{Name: "alice", Limits: own}
	session.use = s.accounts.enter(nil, session.account, time.Now())
	return session
}

// connect makes a data connection whose other end reads all, or sends so much.
func (s *session) connect(t *testing.T, send int64) *dataConn {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		if send > 0 {
			io.CopyN(theirs, zeros{}, send)
		} else {
			io.Copy(io.Discard, theirs)
		}
	}()
	return newDataConn(&transfer{session: s, ctx: t.Context(), alone: true}, ours)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// download sends a file as the engine does, of the operating system or not.
func (s *session) download(t *testing.T, n int64, kernel bool) {
	t.Helper()
	conn := s.connect(t, 0)
	defer conn.close()
	var file io.Reader = bytes.NewReader(make([]byte, n))
	if kernel {
		f, err := os.Create(filepath.Join(t.TempDir(), "file"))
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		f.Truncate(n)
		file = f
	}
	if sent, err := conn.send(file); sent != n || err != nil {
		t.Errorf("sent %d of %d bytes: %v", sent, n, err)
	}
}

// upload receives a file as the engine does.
func (s *session) upload(t *testing.T, n int64) {
	t.Helper()
	conn := s.connect(t, n)
	defer conn.close()
	if received, err := conn.receive(io.Discard); received != n || err != nil {
		t.Errorf("received %d of %d bytes: %v", received, n, err)
	}
}

func TestBandwidth(t *testing.T) {
	t.Parallel()
	downloads := func(t *testing.T, s *session) { s.download(t, length, true) }
	inBlocks := func(t *testing.T, s *session) { s.download(t, length, false) }
	uploads := func(t *testing.T, s *session) { s.upload(t, length) }
	for name, test := range map[string]struct {
		limits Bandwidth
		own    driver.Limits
		move   func(*testing.T, *session)
		rate   float64 // 0: any
	}{
		"downloads in all":               {Bandwidth{Download: rate}, driver.Limits{}, downloads, rate},
		"downloads of a user":            {Bandwidth{DownloadPerUser: rate}, driver.Limits{}, downloads, rate},
		"downloads of a session":         {Bandwidth{DownloadPerSession: rate}, driver.Limits{}, downloads, rate},
		"downloads that are not files":   {Bandwidth{Download: rate}, driver.Limits{}, inBlocks, rate},
		"uploads in all":                 {Bandwidth{Upload: rate}, driver.Limits{}, uploads, rate},
		"uploads of a user":              {Bandwidth{UploadPerUser: rate}, driver.Limits{}, uploads, rate},
		"uploads of a session":           {Bandwidth{UploadPerSession: rate}, driver.Limits{}, uploads, rate},
		"the lowest of them":             {Bandwidth{Download: 3 * rate, DownloadPerUser: rate, DownloadPerSession: 2 * rate}, driver.Limits{}, downloads, rate},
		"an account's own":               {Bandwidth{DownloadPerUser: 5 * rate}, driver.Limits{DownloadRate: rate}, downloads, rate},
		"an account's own, higher":       {Bandwidth{UploadPerUser: rate / 2}, driver.Limits{UploadRate: rate}, uploads, rate},
		"an account without":             {Bandwidth{UploadPerUser: rate}, driver.Limits{UploadRate: -1}, uploads, 0},
		"downloads beside upload limits": {Bandwidth{Upload: 1, UploadPerUser: 1, UploadPerSession: 1}, driver.Limits{UploadRate: 1}, downloads, 0},
		"uploads beside download limits": {Bandwidth{Download: 1, DownloadPerUser: 1, DownloadPerSession: 1}, driver.Limits{DownloadRate: 1}, uploads, 0},
		"no limits":                      {Bandwidth{}, driver.Limits{}, downloads, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				session := ratedServer(t, test.limits).rated(t, test.own)
				start := time.Now()
				test.move(t, session)
				took := time.Since(start).Seconds()
				if test.rate == 0 {
					if took > 0.1 {
						t.Errorf("it took %v s, want no time", took)
					}
					return
				}
				burst := test.rate/10 + 1000
				if least, most := (length-burst)/test.rate, length/test.rate; took < least || took > most {
					t.Errorf("it took %v s, want %v to %v", took, least, most)
				}
			})
		})
	}
}

func TestBandwidthUnderTLS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		session := rated(t, Bandwidth{Download: rate})
		conn := session.connect(t, 0)
		defer conn.close()
		// What TLS would write to, without TLS: it makes no difference here.
		conn.encrypted, conn.socket = true, &tlsSocket{Conn: conn.raw, buffers: conn.buffers}
		conn.socket.startGathering()
		conn.stream = conn.socket
		start := time.Now()
		if _, err := conn.send(bytes.NewReader(make([]byte, length))); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 9800*time.Millisecond || took > 10*time.Second {
			t.Errorf("it took %v, want 10s", took)
		}
	})
}

// Two sessions share what there is evenly, an upload in bulk and one that comes
// in small pieces, and so do two downloads.
func TestSessionsShareBandwidthEvenly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limits      Bandwidth
		first, then func(*testing.T, *session)
	}{
		"downloads": {
			Bandwidth{Download: rate},
			func(t *testing.T, s *session) { s.download(t, length, true) },
			func(t *testing.T, s *session) { s.download(t, length, false) },
		},
		"uploads": {
			Bandwidth{Upload: rate},
			func(t *testing.T, s *session) { s.upload(t, length) },
			func(t *testing.T, s *session) { s.uploadSlowly(t, length) },
		},
		"one user's": {
			Bandwidth{DownloadPerUser: rate},
			func(t *testing.T, s *session) { s.download(t, length, true) },
			func(t *testing.T, s *session) { s.download(t, length, false) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				site := ratedServer(t, test.limits)
				start := time.Now()
				took := make(chan time.Duration, 2)
				for _, move := range []func(*testing.T, *session){test.first, test.then} {
					session := site.rated(t, driver.Limits{})
					go func() {
						move(t, session)
						took <- time.Since(start)
					}()
				}
				first, last := <-took, <-took
				if first < 19*time.Second || last > 20*time.Second {
					t.Errorf("they ended after %v and %v, want 20s both", first, last)
				}
			})
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// uploadSlowly reads in small blocks.
func (s *session) uploadSlowly(t *testing.T, n int64) {
	conn := s.connect(t, n)
	defer conn.close()
	if received, err := io.CopyBuffer(onlyWriter{io.Discard}, readerFunc(conn.read), make([]byte, 700)); received != n || err != nil {
		t.Errorf("received %d of %d bytes: %v", received, n, err)
	}
}

// A small file takes no longer than its bytes, and none of the next one's time.
func TestSmallFilesWithinTheBandwidth(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(*testing.T, *session){
		"down": func(t *testing.T, s *session) { s.download(t, 1024, false) },
		"up":   func(t *testing.T, s *session) { s.upload(t, 1024) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				session := rated(t, Bandwidth{Upload: rate, Download: rate, UploadPerSession: 2 * rate, DownloadPerSession: 2 * rate})
				start := time.Now()
				for range 2048 {
					move(t, session)
				}
				if took := time.Since(start); took < 1800*time.Millisecond || took > 2*time.Second {
					t.Errorf("2 MiB in files of 1 KiB took %v, want 2s", took)
				}
			})
		})
	}
}

func TestAnAbortEndsTheWaitForBandwidth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		session := rated(t, Bandwidth{Upload: 1})
		conn := session.connect(t, length)
		defer conn.close()
		ctx, cancel := context.WithCancelCause(t.Context())
		conn.ctx = ctx
		time.AfterFunc(time.Second, func() { cancel(errAborted) })
		start := time.Now()
		n, err := conn.receive(io.Discard)
		if n != 4096 || err != errAborted || time.Since(start) != time.Second {
			t.Errorf("%d bytes and %v after %v; want 4096, %v and 1s", n, err, time.Since(start), errAborted)
		}
	})
}

// An upload goes on by larger steps when it is fast, whatever the size of its
// reads.
func TestFastUploadsAreRecognized(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limits Bandwidth
		buffer int
		want   bool
	}{
		"fast":                 {Bandwidth{}, blockSize, true},
		"fast, in small reads": {Bandwidth{}, 4096, true},
		"slow":                 {Bandwidth{UploadPerSession: rate}, blockSize, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				conn := rated(t, test.limits).connect(t, length)
				n, more, err := conn.copyBlocks(io.Discard, make([]byte, test.buffer), true)
				if more != test.want || err != nil || n < bulkAfter {
					t.Errorf("after %d bytes: fast %v, %v; want %v", n, more, err, test.want)
				}
				conn.close()
			})
		})
	}
}
