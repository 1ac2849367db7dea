package server_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// anybody lets everybody in, so that no wrong password takes its time.
type anybody struct{}

func (anybody) Authenticate(ctx context.Context, _ driver.Attempt) (*driver.Account, error) {
	return furnishedUser{}.Authenticate(ctx, driver.Attempt{User: "alice", Password: testPassword})
}

// FuzzDialogue sends any lines in any state, one by one or all at once. Each
// has exactly one final reply, and their order is kept.
func FuzzDialogue(f *testing.F) {
	for i, e := range exchanges() {
		f.Add(uint8(i), i%2 == 0, i%3 == 0, []byte(e.line))
	}
	for i := range states() {
		for _, script := range []string{
			"EPSV\nLIST\nABOR\nPWD", "RNFR file\nRNTO new\nSTAT new\nDELE new", "SITE CPFR file\nSITE CPTO copy\nABOR\nNOOP\nMLST copy",
			"HASH file\nABOR\nNOOP\nSTAT\nPWD", "PWD\nNOOP\nABOR\nSYST\nNOOP", "REIN\nUSER a\nPASS b\nPWD", "EPSV\nRETR file\nEPSV\nSTOU\nABOR\nABOR",
			"REST 9\nTYPE I\nREST 9\nEPSV\nSTOR file\nLIST", "\xff\xf4\xff\xf2ABOR\r\nNOOP\r", "USER x\nUSER y\nPASS z\nQUIT\nNOOP",
		} {
			if !strings.Contains(script, "EPSV") { // one by one it would wait for the data connection
				f.Add(uint8(i), false, false, []byte(script))
			}
			f.Add(uint8(i), true, true, []byte(script))
		}
	}
	s := startSite(f, func(o *server.Options) {
		o.Auth, o.Logger, o.TLS = anybody{}, nil, testCertificate(f)
		o.Active.Disabled = true // the lines could name any port of this machine
		o.Ports = freeAllocator(f, 2, portalloc.Options{AcceptTimeout: 200 * time.Millisecond, Wait: -1})
		o.Limits = server.Limits{LoginTimeout: -1, IdleTimeout: -1}
	})
	f.Fuzz(func(t *testing.T, n uint8, encrypted, atOnce bool, script []byte) {
		lines := bytes.Split(script, []byte("\n"))
		if len(lines) > 40 || len(script) > 20_000 {
			t.Skip()
		}
		state := states()[int(n)%len(states())]
		c := greeted(t, s)
		c.cmd(200, "NOOP") // whose reply tells that no PROXY header was expected
		if encrypted {
			c.protect(nil)
			c.cmd(200, "PROT C")
		}
		data := state.enter(c)
		if atOnce || data != nil {
			c.playAtOnce(lines, data)
		} else {
			c.playOneByOne(lines)
		}
		c.conn.Close()
		for start := time.Now(); s.Statistics().Sessions > 0; time.Sleep(100 * time.Microsecond) {
			if time.Since(start) > within {
				t.Fatal("the session does not end")
			}
		}
	})
}

func (c *client) playOneByOne(lines [][]byte) {
	for _, line := range lines {
		c.write(append(bytes.Clone(line), '\n'))
		if c.final() == "" {
			return
		}
		c.cmd(214, "HELP NOOP")
	}
}

// playAtOnce sends everything, lets the transfer end, and counts the replies.
func (c *client) playAtOnce(lines [][]byte, data io.Closer) {
	replies := len(lines)
	if data != nil {
		replies++
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.conn.Write(append(bytes.Join(lines, []byte("\n")), "\nHELP NOOP\r\n"...))
	}()
	defer func() { <-sent }()
	if data != nil {
		<-sent
		data.Close()
	}
	for range replies {
		if c.final() == "" {
			c.conn.Close() // the rest is not wanted any more
			return
		}
	}
	if got := c.final(); !strings.Contains(got, "Syntax: NOOP") {
		c.t.Errorf("%q follows the replies to %q", got, lines)
	}
}

func (c *client) write(p []byte) {
	c.conn.SetWriteDeadline(time.Now().Add(within))
	if _, err := c.conn.Write(p); err != nil {
		c.t.Fatal(err)
	}
}

// final returns the next final reply, or "" if with it the dialogue is over:
// the connection ends, TLS begins or ends.
func (c *client) final() string {
	for {
		reply, err := c.read()
		if err != nil {
			c.t.Fatalf("%q and %v, want a reply", reply, err)
		}
		switch {
		case strings.HasPrefix(reply, "1"):
		case strings.HasPrefix(reply, "221"), strings.HasPrefix(reply, "421"):
			c.expectEnd()
			return ""
		case strings.HasPrefix(reply, "234"), strings.HasPrefix(reply, "220"):
			return ""
		default:
			return reply
		}
	}
}
