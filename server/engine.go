package server

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
)

// startEngine gives the control connection to an engine of its own.
func (s *session) startEngine() error {
	engine := ftpserver.NewFtpServer(&engineDriver{session: s})
	engine.Logger = engineLogger(s)
	err := engine.ListenAndServe()
	if err != nil {
		s.log.Error("start of the engine", zap.Error(err))
	}
	return err
}

// engineLine is a command on a file as the engine reads it: it does not know the
// session's directory.
func (s *session) engineLine(verb, arg string) string {
	line := command{verb: verb, arg: s.abs(arg)}.line()
	if len(line) > maxLine {
		s.reply(550, "File name too long.")
		return ""
	}
	return line
}

// engineDriver is what an engine asks about its one session. The engine does
// commands on single files; everything else happens in front of it.
type engineDriver struct {
	session *session
}

var _ ftpserver.MainDriver = (*engineDriver)(nil)

// GetSettings hands the engine its connection and takes from it what the
// session does itself: time-outs, and all that has to do with data connections.
func (d *engineDriver) GetSettings() (*ftpserver.Settings, error) {
	return &ftpserver.Settings{
		Listener:          &oneShotListener{conn: d.session.control},
		IdleTimeout:       -1,
		DisableActiveMode: true,
	}, nil
}

// ClientConnected returns a greeting for nobody: the client has had its own.
func (d *engineDriver) ClientConnected(ftpserver.ClientContext) (string, error) {
	d.session.control.hidden++
	return "ready", nil
}

// ClientDisconnected is the end of the session.
func (d *engineDriver) ClientDisconnected(ftpserver.ClientContext) { d.session.end() }

// AuthUser hands out the account that cmdPASS has found.
func (d *engineDriver) AuthUser(ftpserver.ClientContext, string, string) (ftpserver.ClientDriver, error) {
	if d.session.account == nil {
		return nil, driver.ErrDenied
	}
	return d.session.files, nil
}

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
