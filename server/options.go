package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
)

// Options configures a Server. New copies it, so later changes have no effect.
type Options struct {
	// Listeners are the control addresses that Listen binds. Empty: one plain
	// listener on ":2121".
	Listeners []Listener

	// Listen binds one address of Listeners. Nil: TCP, without MPTCP.
	Listen func(ctx context.Context, address string) (net.Listener, error)

	// Auth says who a client is and which files it sees. Required.
	Auth Authenticator

	// Ports lends the passive ports. It may be shared by several servers and
	// is not closed by this one. Nil: PASV and EPSV are refused with 502.
	Ports *portalloc.Allocator

	// Advertise says which address a PASV reply names. Nil: the control
	// connection's own local address.
	Advertise *portalloc.Advertiser

	// Active settles active mode (PORT and EPRT).
	Active Active

	// TLS holds the certificate for explicit (AUTH TLS, RFC 4217) and implicit
	// TLS. Nil: no TLS is offered. The server sets its ticket callbacks on a
	// copy of its own.
	TLS *tls.Config

	// RequireTLS says what may not go in clear. It needs TLS.
	RequireTLS TLSRequirement

	// SessionReuse says what TLS session resumption on data connections is
	// used for.
	SessionReuse SessionReuse

	// AllowCCC lets clients take TLS off the control connection after login
	// (RFC 4217 §6), so that a firewall can read it. It can then be read and
	// changed by everybody else, too.
	AllowCCC bool

	// Hosts are servers of their own behind the same addresses (RFC 7151).
	Hosts []VirtualHost

	// OnEvent is told of logins, of files that came and went, and of what was
	// changed, just before the client is told, by the goroutine that did it: the
	// client waits for it. So what it has put into safety when it returns is
	// safe before the client relies on it. It may be called concurrently. Nil:
	// nobody is told.
	OnEvent func(Event)

	// OnSecurity is told of what matters to whoever guards the server: logins
	// that failed or not, refusals, abuse. It must return soon and may be called
	// concurrently. Nil: nobody is told.
	OnSecurity func(SecurityEvent)

	// Admit says whether a client may connect, and if not why, in a word for
	// SecurityEvent.Reason; the connection is then closed without any. It is
	// asked before a connection costs anything, by the goroutine that accepts,
	// so it must answer at once; for a client behind a load balancer, when the
	// PROXY header has told its address; and again at each login. Nil: everybody
	// may.
	Admit func(client netip.Addr) (reason string, ok bool)

	// SharedSessions counts the sessions of accounts on other servers, too, for
	// Limits.SessionsPerUser and driver.Limits.Sessions. Reload does not change it.
	// Nil: this server is alone.
	SharedSessions SessionCounter

	// OnTransfer is told of every transfer after its final reply, whether it
	// came to its end or not, by the goroutine that made it. It must return soon
	// and may be called concurrently for different sessions. Nil: nobody is told.
	OnTransfer func(TransferEvent)

	// OnSession is told of every session when it has been let in and when it has
	// ended, by a goroutine of the session. It must return soon and may be called
	// concurrently. Nil: nobody is told.
	OnSession func(SessionEvent)

	// OnCommand is told of every command after its final reply, by the
	// goroutine that sent it. It must return soon and may be called
	// concurrently for different sessions. Nil: nobody is told.
	OnCommand func(CommandEvent)

	// Limits bounds sessions and waiting times.
	Limits Limits

	// Banner is the text of the greeting (220). Empty: "Portico FTP server ready".
	Banner string

	// Logger receives the server's log. Nil: nothing is logged.
	Logger *zap.Logger
}

// Listener is one control address.
type Listener struct {
	// Address is "host:port" as net.Listen takes it; an empty host is every
	// address of both families. The TCP network is dual-stack.
	Address string
	// ImplicitTLS starts TLS before the greeting. It needs Options.TLS.
	ImplicitTLS bool
	// ProxyProtocol names the networks of load balancers whose PROXY header
	// (v1 or v2) is believed. A connection from there without a header is
	// closed, as is one from elsewhere that sends a header. Empty: no PROXY
	// protocol.
	ProxyProtocol []netip.Prefix
}

// Active settles active mode, in which the server opens the data connection.
type Active struct {
	// Disabled refuses PORT and EPRT with 502.
	Disabled bool
	// SourcePort is the local port of active data connections.
	SourcePort SourcePort
	// ForeignAddress allows PORT and EPRT to name another host than the
	// client's (server-to-server transfers, FXP). It opens the door to the
	// bounce attack (RFC 2577 §3).
	ForeignAddress bool
}

// SourcePort is the local port of active data connections: a port number, or
// one of the two constants below. Text form: "auto", "ephemeral" or a number.
type SourcePort int

const (
	// SourcePortAuto uses port 20 (RFC 959 §3.2) where this process may bind
	// it and an ephemeral port elsewhere.
	SourcePortAuto SourcePort = 0
	// SourcePortEphemeral lets the kernel choose.
	SourcePortEphemeral SourcePort = -1
)

// String returns the text form.
func (p SourcePort) String() string {
	switch p {
	case SourcePortAuto:
		return "auto"
	case SourcePortEphemeral:
		return "ephemeral"
	default:
		return strconv.Itoa(int(p))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (p SourcePort) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *SourcePort) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "", "auto":
		*p = SourcePortAuto
	case "ephemeral":
		*p = SourcePortEphemeral
	default:
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("%q is not a source port: use auto, ephemeral, or a port from 1 to 65535", s)
		}
		*p = SourcePort(n)
	}
	return nil
}

// TLSRequirement says which parts of a session must be encrypted. Text form:
// "none", "login" or "data".
type TLSRequirement int

const (
	// TLSOptional lets clients choose.
	TLSOptional TLSRequirement = iota
	// TLSForLogin refuses USER before AUTH TLS.
	TLSForLogin
	// TLSForData is TLSForLogin, and refuses transfers under PROT C too.
	TLSForData
)

var tlsRequirementNames = enumNames{"none", "login", "data"}

// String returns the text form.
func (r TLSRequirement) String() string { return tlsRequirementNames.text(int(r)) }

// MarshalText implements encoding.TextMarshaler.
func (r TLSRequirement) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *TLSRequirement) UnmarshalText(text []byte) error {
	n, err := tlsRequirementNames.value(text)
	*r = TLSRequirement(n)
	return err
}

// SessionReuse says what TLS session resumption on data connections means.
// Text form: "auto", "required" or "off".
type SessionReuse int

const (
	// SessionReuseAuto lets sessions whose client resumes share a passive port.
	SessionReuseAuto SessionReuse = iota
	// SessionReuseRequired refuses an encrypted data connection that does not
	// resume its own control connection's TLS session.
	SessionReuseRequired
	// SessionReuseOff ignores resumption.
	SessionReuseOff
)

var sessionReuseNames = enumNames{"auto", "required", "off"}

// String returns the text form.
func (r SessionReuse) String() string { return sessionReuseNames.text(int(r)) }

// MarshalText implements encoding.TextMarshaler.
func (r SessionReuse) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *SessionReuse) UnmarshalText(text []byte) error {
	n, err := sessionReuseNames.value(text)
	*r = SessionReuse(n)
	return err
}

// Limits bounds sessions and waiting times. A count of 0 is no limit; a
// duration of 0 is the default and a negative one is no limit.
type Limits struct {
	// Sessions is the largest number of sessions at one time.
	Sessions int
	// SessionsPerIP is the same for one client address. IPv6 addresses count by
	// their /64 network, here and below.
	SessionsPerIP int
	// SessionsPerUser is the same for one account, counted from login, unless
	// driver.Account.Limits says otherwise.
	SessionsPerUser int
	// LoginsPerMinute is how many logins may be tried in a minute, whether they
	// succeed or not. All of them may come at once.
	LoginsPerMinute int
	// LoginsPerMinutePerIP is the same for one client address.
	LoginsPerMinutePerIP int
	// TransfersPerSession is how many files a session may transfer before its
	// client has to connect again. Listings do not count, here and below.
	TransfersPerSession int
	// TransfersPerUser is how many transfers of files an account may have at one
	// time, unless driver.Account.Limits says otherwise.
	TransfersPerUser int
	// CommandsPerSecond is how fast a session may send commands. Five seconds'
	// worth may come at once, and 40 in any case; then the session is slowed
	// down, and one that goes on and on without waiting for replies is closed.
	CommandsPerSecond int
	// Bandwidth bounds how fast data connections are.
	Bandwidth Bandwidth
	// LoginTimeout is how long a client may take to log in. Default 30 s.
	LoginTimeout time.Duration
	// IdleTimeout is how long a session may send no command while no transfer
	// runs. Default 5 min.
	IdleTimeout time.Duration
	// StallTimeout is how long a transfer may move no byte, and how long a
	// client may leave a reply unread. Default 2 min.
	StallTimeout time.Duration
}

// Bandwidth bounds how fast data connections are, in bytes per second of what
// they carry (without TLS and TCP), files and listings. Sessions that share a
// rate have equal parts of it. 0 is no limit.
type Bandwidth struct {
	// Upload and Download are for all sessions together.
	Upload, Download int64
	// UploadPerUser and DownloadPerUser are for the sessions of one account,
	// unless driver.Account.Limits says otherwise.
	UploadPerUser, DownloadPerUser int64
	// UploadPerSession and DownloadPerSession are for one session.
	UploadPerSession, DownloadPerSession int64
}

// Authenticator says who a client is. Implementations must be safe for
// concurrent use.
type Authenticator interface {
	// Authenticate returns the account that the attempt's name and password
	// open. It returns driver.ErrDenied, wrapped or not, when they open none;
	// any other error means that the question could not be answered. Both are
	// refused with the same words. It must return soon after ctx is done.
	Authenticate(ctx context.Context, attempt driver.Attempt) (*driver.Account, error)
}

// SessionCounter counts the sessions of accounts on several servers together. A
// server asks it at each login, after its own count has allowed it, and tells it
// of each end; both have to wait, so it must answer soon, and by itself if it
// cannot ask others. Implementations must be safe for concurrent use.
type SessionCounter interface {
	// Enter counts a session, unless the account has as many as the limit
	// already. 0 is no limit: it is counted all the same. The account is a name
	// with that of the host before it, "host/name", "/name" for the server's own.
	Enter(account string, limit int) bool
	// Leave counts that a session is over for which Enter said yes.
	Leave(account string)
}

const (
	defaultAddress      = ":2121"
	defaultBanner       = "Portico FTP server ready"
	defaultLoginTimeout = 30 * time.Second
	defaultIdleTimeout  = 5 * time.Minute
	defaultStallTimeout = 2 * time.Minute
)

// withDefaults returns a copy in which every zero value is filled in.
func (o Options) withDefaults() Options {
	if len(o.Listeners) == 0 {
		o.Listeners = []Listener{{Address: defaultAddress}}
	}
	o.Listeners = slices.Clone(o.Listeners)
	o.Hosts = slices.Clone(o.Hosts)
	if o.Listen == nil {
		o.Listen = listenTCP
	}
	if o.Banner == "" {
		o.Banner = defaultBanner
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	o.Limits.LoginTimeout = orDefault(o.Limits.LoginTimeout, defaultLoginTimeout)
	o.Limits.IdleTimeout = orDefault(o.Limits.IdleTimeout, defaultIdleTimeout)
	o.Limits.StallTimeout = orDefault(o.Limits.StallTimeout, defaultStallTimeout)
	return o
}

func (o Options) validate() error {
	var faults []error
	if o.Auth == nil {
		faults = append(faults, errors.New("server: Options.Auth is nil: nobody could log in"))
	}
	if o.TLS == nil && o.RequireTLS != TLSOptional {
		faults = append(faults, fmt.Errorf("server: Options.RequireTLS is %v, but Options.TLS is nil", o.RequireTLS))
	}
	for i, h := range o.Hosts {
		if h.Name == "" {
			faults = append(faults, fmt.Errorf("server: Options.Hosts[%d].Name is empty", i))
		}
		if h.TLS != nil && o.TLS == nil {
			faults = append(faults, fmt.Errorf("server: Options.Hosts[%d].TLS needs Options.TLS", i))
		}
	}
	for i, l := range o.Listeners {
		if l.ImplicitTLS && o.TLS == nil {
			faults = append(faults, fmt.Errorf("server: Options.Listeners[%d].ImplicitTLS needs Options.TLS", i))
		}
	}
	return errors.Join(faults...)
}

// orDefault maps 0 to the default and anything negative to 0, which the rest
// of the package reads as "no limit".
func orDefault(d, byDefault time.Duration) time.Duration {
	switch {
	case d == 0:
		return byDefault
	case d < 0:
		return 0
	default:
		return d
	}
}
