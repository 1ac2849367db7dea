package driver

import (
	"crypto/tls"
	"errors"
	"net/netip"

	"github.com/spf13/afero"
)

// ErrDenied says that a name and password open no account. Which of the two
// was wrong is not told.
var ErrDenied = errors.New("driver: login denied")

// Attempt is one attempt to log in.
type Attempt struct {
	// User and Password are the arguments of USER and PASS (RFC 959 §4.1.1).
	User, Password string
	// SessionID is the server's name for the session, unique within its life.
	// Zero: none.
	SessionID uint64
	// Client and Local are the two ends of the control connection. Behind a
	// load balancer that is believed, Client is the address it reports.
	Client, Local netip.AddrPort
	// TLS is the control connection's TLS state, nil in clear.
	TLS *tls.ConnectionState
	// ByCertificate asks whether the client certificate in TLS, which has been
	// verified, opens the account by itself. Password is then empty. An
	// Authenticator that knows nothing of certificates must return ErrDenied.
	ByCertificate bool
}

// Account is what a successful login opens.
type Account struct {
	// Name is the user's name, as logs and limits know it.
	Name string
	// FS is what the user sees, "/" being the start directory. Its paths are
	// slash-separated and absolute. The server adapts any afero.Fs (see NewFS)
	// and may call it from several goroutines.
	FS afero.Fs
	// Operator lets the user ask for what concerns the server as a whole, such
	// as the list of passive ports (SITE PORTS).
	Operator bool
	// RefusedCommands are the verbs, in upper case, that this user may not
	// use. Nil: none.
	RefusedCommands []string
	// Anonymous says that nobody has proved who they are.
	Anonymous bool
	// Contact is the e-mail address that an anonymous client has given as its
	// password (RFC 1635), for logs. Empty: none.
	Contact string
	// Limits bounds what the account may use, in the place of the server's
	// limits for each user.
	Limits Limits
}

// Limits bounds what one account may use at one time. A field of 0 is no limit
// of the account's own: the server's for each user counts. A negative one is no
// limit at all, whatever the server says.
type Limits struct {
	// Sessions is the largest number of sessions.
	Sessions int
	// Transfers is the largest number of transfers of files, over all sessions
	// of the account.
	Transfers int
	// UploadRate and DownloadRate are in bytes per second, over all sessions of
	// the account.
	UploadRate, DownloadRate int64
}
