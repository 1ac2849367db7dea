//go:build unix

package e2e

import (
	"crypto/tls"
	"io"
	"os"
	"path"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
)

// The library has no active mode.
func TestGoClient(t *testing.T) {
	t.Parallel()
	ways := routes([]mode{pasv, epsv}, []security{plain, explicit, implicit})
	exerciseAll(t, ways, func(t *testing.T, e endpoint) client {
		g := &goClient{t: t, endpoint: e, tls: suite.tls.client(e.host)}
		t.Cleanup(g.close)
		return g
	})
}

// goClient keeps one session for all calls, and opens a second one for LIST
// because the library prefers MLSD.
type goClient struct {
	t *testing.T
	endpoint
	tls  *tls.Config
	conn *ftp.ServerConn
	said output
}

func (g *goClient) put(local, remote string) error {
	return g.upload(local, func(c *ftp.ServerConn, f *os.File) error { return c.Stor(remote, f) })
}

func (g *goClient) resumePut(local, remote string) error {
	return g.upload(local, func(c *ftp.ServerConn, f *os.File) error {
		there, err := c.FileSize(remote)
		if err != nil {
			return err
		}
		if _, err := f.Seek(there, io.SeekStart); err != nil {
			return err
		}
		return c.StorFrom(remote, f, uint64(there))
	})
}

func (g *goClient) upload(local string, send func(*ftp.ServerConn, *os.File) error) error {
	c, err := g.session()
	if err != nil {
		return err
	}
	f, err := os.Open(local)
	if err != nil {
		return err
	}
	defer f.Close()
	return send(c, f)
}

func (g *goClient) get(remote, local string) error { return g.download(remote, local, os.O_TRUNC) }

func (g *goClient) resumeGet(remote, local string) error {
	return g.download(remote, local, os.O_APPEND)
}

func (g *goClient) download(remote, local string, flag int) error {
	c, err := g.session()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(local, os.O_CREATE|os.O_WRONLY|flag, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	body, err := c.RetrFrom(remote, uint64(info.Size()))
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, body); err != nil {
		_ = body.Close()
		return err
	}
	return body.Close()
}

func (g *goClient) list(dir string) (string, error) {
	c, err := g.dial(ftp.DialWithDisabledMLSD(true))
	if err != nil {
		return "", err
	}
	defer c.Quit()
	entries, err := c.List(dir)
	text := ""
	for _, e := range entries {
		text += e.Name + "\n"
	}
	return text, err
}

func (g *goClient) names(dir string) ([]string, error) {
	c, err := g.session()
	if err != nil {
		return nil, err
	}
	lines, err := c.NameList(dir)
	for i, line := range lines {
		lines[i] = path.Base(line)
	}
	return lines, err
}

func (g *goClient) facts(dir string) ([]string, error) {
	c, err := g.session()
	if err != nil {
		return nil, err
	}
	if !c.IsTimePreciseInList() {
		g.t.Error("the server offers no MLSD")
	}
	entries, err := c.List(dir)
	var names []string
	for _, e := range entries {
		if e.Name != "." && e.Name != ".." {
			names = append(names, e.Name)
		}
	}
	return names, err
}

func (g *goClient) rename(from, to string) error {
	return g.do(func(c *ftp.ServerConn) error { return c.Rename(from, to) })
}

func (g *goClient) remove(file string) error {
	return g.do(func(c *ftp.ServerConn) error { return c.Delete(file) })
}

func (g *goClient) makeDir(dir string) error {
	return g.do(func(c *ftp.ServerConn) error { return c.MakeDir(dir) })
}

func (g *goClient) removeDir(dir string) error {
	return g.do(func(c *ftp.ServerConn) error { return c.RemoveDir(dir) })
}

func (g *goClient) trace() string { return g.said.String() }

func (g *goClient) do(command func(*ftp.ServerConn) error) error {
	c, err := g.session()
	if err != nil {
		return err
	}
	return command(c)
}

func (g *goClient) session() (*ftp.ServerConn, error) {
	if g.conn != nil {
		return g.conn, nil
	}
	c, err := g.dial()
	if err == nil {
		g.conn = c
	}
	return c, err
}

func (g *goClient) dial(more ...ftp.DialOption) (*ftp.ServerConn, error) {
	options := append(more,
		ftp.DialWithTimeout(20*time.Second),
		ftp.DialWithDebugOutput(&g.said),
		ftp.DialWithDisabledEPSV(g.mode == pasv),
		ftp.DialWithTrustPasvIP(true)) // a wrong 227 reply must show
	switch g.security {
	case explicit:
		options = append(options, ftp.DialWithExplicitTLS(g.tls))
	case implicit:
		options = append(options, ftp.DialWithTLS(g.tls))
	}
	c, err := ftp.Dial(g.address(), options...)
	if err != nil {
		return nil, err
	}
	if err := c.Login(g.user, g.password); err != nil {
		_ = c.Quit()
		return nil, err
	}
	return c, nil
}

func (g *goClient) close() {
	if g.conn == nil {
		return
	}
	if err := g.conn.Quit(); err != nil {
		g.t.Errorf("QUIT: %v", err)
	}
}
