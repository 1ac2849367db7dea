package server_test

import (
	"io"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/server"
)

// A short download has both replies in one, unless it takes long: then the
// client is not left without a word, and is listened to.
func TestShortDownloadThatTakesLong(t *testing.T) {
	t.Parallel()
	files := slowFs{afero.NewMemMapFs(), t.Context(), make(chan struct{})}
	if err := afero.WriteFile(files.Fs, "/slow", []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, func(o *server.Options) { o.Auth = oneUser{files} })
	c := login(t, s.addr)
	data := c.passive()
	defer data.Close()
	c.cmd(150, "RETR slow")
	c.cmd(200, "NOOP")
	c.send("PWD") // is held back
	close(files.step)
	c.expect(226)
	c.expect(257)
	if got, err := io.ReadAll(data); string(got) != "content" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Commands that come ahead of a transfer's end are answered behind it, whether
// anybody listens beside it yet or not.
func TestCommandsAheadOfAShortTransfer(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	if err := afero.WriteFile(s.fs, "/short", []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := login(t, s.addr)
	data := c.passive()
	defer data.Close()
	c.send("RETR short\r\nPWD\r\nNOOP")
	for _, code := range []int{150, 226, 257, 200} {
		c.expect(code)
	}
	data = c.passive()
	c.cmd(150, "STOR new")
	if _, err := io.WriteString(data, "content"); err != nil {
		t.Fatal(err)
	}
	c.send("PWD\r\nNOOP")
	data.Close()
	for _, code := range []int{226, 257, 200} {
		c.expect(code)
	}
}
