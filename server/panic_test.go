package server_test

import (
	"os"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/server"
)

// panickyFS panics on names that say so.
type panickyFS struct{ afero.Fs }

func (f panickyFS) Stat(name string) (os.FileInfo, error) {
	if name == "/panic" {
		panic("the embedder's files are broken")
	}
	return f.Fs.Stat(name)
}

func (f panickyFS) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	if name == "/panic" {
		panic("the embedder's files are broken")
	}
	return f.Fs.OpenFile(name, flag, perm)
}

// A panic in the files ends one command, or at worst one session.
func TestPanicsStayInTheirSession(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Auth = oneUser{panickyFS{afero.NewMemMapFs()}} })
	bystander := login(t, s.addr)

	c := login(t, s.addr)
	c.cmd(451, "HASH panic") // a job
	c.passive()
	c.cmd(451, "RETR panic") // a transfer
	c.cmd(451, "MLST panic") // in a command of our own
	c.expectEnd()
	bystander.cmd(200, "NOOP")
}
