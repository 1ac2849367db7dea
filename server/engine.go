package server

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"

	ftpserver "github.com/fclairamb/ftpserverlib"

	"github.com/portico-ftp/portico/driver"
)

// engineDriver is what an engine asks about its one session. The engine does
// paths and commands on single files; everything else happens in front of it.
type engineDriver struct {
	session *session
}

var (
	_ ftpserver.MainDriver                         = (*engineDriver)(nil)
	_ ftpserver.MainDriverExtensionPostAuthMessage = (*engineDriver)(nil)
	_ ftpserver.MainDriverExtensionQuitMessage     = (*engineDriver)(nil)
)

// GetSettings hands the engine its connection and takes from it what the
// session does itself: time-outs, and all that has to do with data connections.
func (d *engineDriver) GetSettings() (*ftpserver.Settings, error) {
	return &ftpserver.Settings{
		Listener:          &oneShotListener{conn: d.session.control},
		IdleTimeout:       -1,
		DisableActiveMode: true,
	}, nil
}

// ClientConnected returns the greeting.
func (d *engineDriver) ClientConnected(cc ftpserver.ClientContext) (string, error) {
	d.session.engine = cc
	return d.session.banner(), nil
}

// ClientDisconnected is the end of the session.
func (d *engineDriver) ClientDisconnected(ftpserver.ClientContext) { d.session.end() }

// AuthUser hands out the account that cmdPASS has found.
func (d *engineDriver) AuthUser(cc ftpserver.ClientContext, _, _ string) (ftpserver.ClientDriver, error) {
	if d.session.account == nil {
		return nil, driver.ErrDenied
	}
	cc.SetPath("/")
	return d.session.files, nil
}

// PostAuthMessage is the reply to a successful login.
func (d *engineDriver) PostAuthMessage(ftpserver.ClientContext, string, error) string {
	return "Logged in."
}

// QuitMessage is the reply to QUIT.
func (d *engineDriver) QuitMessage() string { return "Goodbye." }

// GetTLSConfig is never used: TLS is below the engine.
func (d *engineDriver) GetTLSConfig() (*tls.Config, error) {
	return nil, errors.New("server: the engine has no TLS")
}

// oneShotListener brings the engine its one connection.
type oneShotListener struct {
	mu   sync.Mutex
	conn net.Conn
}

// Accept returns the connection, and from then on the error that makes the
// engine stop accepting without a word.
func (l *oneShotListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed}
}

// Close does nothing: the connection belongs to the session.
func (l *oneShotListener) Close() error { return nil }

// Addr is for the engine's log only.
func (l *oneShotListener) Addr() net.Addr { return &net.TCPAddr{} }
