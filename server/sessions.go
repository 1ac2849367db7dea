package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// ErrNoSession is returned by Kick for a session that has ended, or never was.
var ErrNoSession = errors.New("server: no such session")

var errKicked = errors.New("server: session ended by the operator")

// SessionInfo is what a session was doing at one moment. What does not apply is
// the zero value.
type SessionInfo struct {
	// ID is unique within the server's life.
	ID uint64 `json:"id"`
	// User is the account's name, or before login what USER has said, cut at 128
	// bytes.
	User string `json:"user,omitempty"`
	// LoggedIn says that User is an account's.
	LoggedIn bool `json:"logged_in"`
	// Host is the name of the virtual host.
	Host string `json:"host,omitempty"`
	// Client and Local are the two ends of the control connection; behind a load
	// balancer those that its PROXY header names.
	Client netip.AddrPort `json:"client,omitzero"`
	Local  netip.AddrPort `json:"local,omitzero"`
	// Proxy is that load balancer.
	Proxy netip.AddrPort `json:"proxy,omitzero"`
	// Since is when the client connected.
	Since time.Time `json:"since"`
	// IdleSince is since when the session waits for a command while no transfer
	// runs.
	IdleSince time.Time `json:"idle_since,omitzero"`
	// TLSVersion ("1.3") and TLSCipher are those of the control connection.
	// Empty: it is in clear.
	TLSVersion string `json:"tls_version,omitempty"`
	TLSCipher  string `json:"tls_cipher,omitempty"`
	// ProtectedData says that data connections are encrypted (PROT P).
	ProtectedData bool `json:"protected_data"`
	// Command is the verb of the command that is being answered, "?" for what
	// does not look like one.
	Command string `json:"command,omitempty"`
	// Transfer is the transfer that runs. Nil: none.
	Transfer *TransferInfo `json:"transfer,omitempty"`
}

// TransferInfo is how far a transfer had come at one moment.
type TransferInfo struct {
	// Verb is the command that began it, "RETR" for one. Commands that read files
	// for long without a data connection (HASH, SITE CPTO) count as transfers,
	// too: they have no Mode.
	Verb string `json:"verb"`
	// Path is the FTP path of the file or directory.
	Path string `json:"path"`
	// Direction says which way the bytes go.
	Direction Direction `json:"direction"`
	// Bytes is how many bytes have moved so far, in this transfer.
	Bytes int64 `json:"bytes"`
	// Offset is where in the file it began (REST).
	Offset int64 `json:"offset,omitempty"`
	// Size is how large the file is that is downloaded, or what ALLO has said of
	// the one that is uploaded. 0: not known.
	Size int64 `json:"size,omitempty"`
	// Started is when the command came.
	Started time.Time `json:"started"`
	// Mode is "passive" or "active", empty before the data connection is asked
	// for.
	Mode string `json:"mode,omitempty"`
	// Port is this end's port of the data connection, 0 before there is one.
	Port uint16 `json:"port,omitempty"`
	// Peer is the other end.
	Peer netip.AddrPort `json:"peer,omitzero"`
	// TLS says that the data connection is encrypted.
	TLS bool `json:"tls"`
}

// Sessions tells what all sessions are doing, in the order of their ids. The
// sessions are looked at one after the other and do not wait for it.
func (s *Server) Sessions() []SessionInfo {
	sessions := s.liveSessions()
	slices.SortFunc(sessions, func(a, b *session) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	infos := make([]SessionInfo, len(sessions))
	for i, session := range sessions {
		infos[i] = session.info()
	}
	return infos
}

// Session tells what one session is doing. Its error wraps ErrNoSession.
func (s *Server) Session(id uint64) (SessionInfo, error) {
	session, err := s.find(id)
	if err != nil {
		return SessionInfo{}, err
	}
	return session.info(), nil
}

// Kick ends a session at once; its transfer counts as interrupted. It does not
// wait for the end. The error wraps ErrNoSession.
func (s *Server) Kick(id uint64) error {
	session, err := s.find(id)
	if err == nil {
		session.kill(errKicked)
	}
	return err
}

func (s *Server) find(id uint64) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.live[id]; session != nil && session.ctx.Err() == nil {
		return session, nil
	}
	if id > 0 && id <= s.lastID {
		return nil, fmt.Errorf("%w: session %d has ended", ErrNoSession, id)
	}
	return nil, fmt.Errorf("%w: session %d never was", ErrNoSession, id)
}

// about is what the session's goroutine lets others know of the session, each
// time that it begins to wait.
type about struct {
	user, host    string
	loggedIn      bool
	tlsVersion    uint16 // 0: in clear
	tlsCipher     uint16
	protectedData bool
}

// ends are the addresses of a session, which stay as they are once its PROXY
// header has come.
type ends struct{ client, local, proxy netip.AddrPort }

// noteAboutLocked is for that goroutine alone.
func (s *session) noteAboutLocked() {
	a := about{user: s.user, protectedData: s.protectedData}
	if s.account != nil {
		a.user, a.loggedIn = s.account.Name, true
	}
	if s.host != nil {
		a.host = s.host.Name
	}
	a.tlsVersion, a.tlsCipher = s.control.version, s.control.cipher
	s.about = a
}

// noteEnds lets others know of the addresses.
func (s *session) noteEnds() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = ends{s.client, s.local, s.proxy}
}

// noteActivity begins the time in which the session is idle.
func (s *session) noteActivity() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idleSince = time.Now()
}

func (s *session) info() SessionInfo {
	s.mu.Lock()
	a, ends, t, current, idleSince := s.about, s.ends, s.transfer, s.current, s.idleSince
	isIdle := s.reading && t == nil
	s.mu.Unlock()
	info := SessionInfo{
		ID: s.id, Since: s.started, User: clip(a.user, maxEventUser), LoggedIn: a.loggedIn, Host: a.host,
		Client: ends.client, Local: ends.local, Proxy: ends.proxy, ProtectedData: a.protectedData,
	}
	if !ends.client.IsValid() { // still before the PROXY header
		info.Client, info.Local = addrPortOf(s.control.socket.RemoteAddr()), addrPortOf(s.control.socket.LocalAddr())
	}
	if a.tlsVersion != 0 {
		info.TLSVersion = strings.TrimPrefix(tls.VersionName(a.tlsVersion), "TLS ")
		info.TLSCipher = tls.CipherSuiteName(a.tlsCipher)
	}
	switch {
	case t != nil:
		transfer := t.info()
		info.Transfer, info.Command = &transfer, transfer.Verb
	case isIdle:
		info.IdleSince = idleSince
	case current.verb != "":
		info.Command = s.shown(current).verb
	}
	return info
}

func (t *transfer) info() TransferInfo {
	info := TransferInfo{
		Verb: t.command.verb, Path: t.path, Direction: t.direction(), Offset: t.offset, Started: t.started,
	}
	t.mu.Lock()
	conn := t.conn
	info.Mode, info.Size = t.mode, t.size
	t.mu.Unlock()
	if conn != nil {
		info.Bytes, info.Port, info.TLS = conn.bytes(), conn.localPort(), conn.encrypted
		info.Peer = addrPortOf(conn.raw.RemoteAddr())
	}
	return info
}
