package server

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
)

// loginAttempts is how many wrong passwords a session may send.
const loginAttempts = 3

// cmdUSER remembers the name. Whether it exists is not told, so the reply is
// always the same (RFC 2577 §6).
func (s *session) cmdUSER(cmd command) string {
	if s.opts.RequireTLS != TLSOptional && !s.control.isEncrypted() {
		s.security(SecurityEvent{Kind: SecurityCommandRefused, Reason: "tls_required", Verb: cmd.verb, User: cmd.arg})
		s.reply(530, "Encryption is required: send AUTH TLS first.")
		return ""
	}
	s.logOut()
	s.user = ""
	if s.control.hasClientCertificate() {
		if !s.mayTryLogin(cmd.arg) {
			return ""
		}
		attempt := s.attempt(cmd.arg, "")
		attempt.ByCertificate = true
		if account, err := s.authenticate(attempt); err == nil {
			s.logIn(account, cmd.arg, "certificate", 232) // RFC 4217 §10
			return ""
		}
	}
	s.user = cmd.arg
	s.reply(331, "Password required.")
	return ""
}

// cmdPASS checks the password.
func (s *session) cmdPASS(cmd command) string {
	if s.user == "" {
		s.reply(503, "Send USER first.")
		return ""
	}
	user := s.user
	s.user = ""
	if s.isTurnedAway() { // it has been banned meanwhile
		s.reply(421, "Login is not possible; closing control connection.")
		s.cancel(errTurnedAway)
		return ""
	}
	if !s.mayTryLogin(user) {
		return ""
	}
	account, err := s.authenticate(s.attempt(user, cmd.arg))
	if err != nil {
		s.refuseLogin(user, err)
		return ""
	}
	s.logIn(account, user, "password", 230)
	return ""
}

func (s *session) attempt(user, password string) driver.Attempt {
	return driver.Attempt{User: user, Password: password, SessionID: s.id, Client: s.client, Local: s.local, TLS: s.control.tlsState()}
}

// logIn makes the account the session's, and answers with the code.
func (s *session) logIn(account *driver.Account, user, method string, code int) {
	use := s.server.accounts.enter(s.host, account, time.Now())
	if use == nil {
		s.overLimit(LimitSessionsPerUser, account.Name)
		s.reply(530, "Too many sessions of this user, close one first.")
		return
	}
	s.account, s.use = account, use
	s.files = &sessionFS{FS: driver.NewFS(account.FS), session: s}
	s.directory = "/"
	s.log = withFields(s.baseLog, zap.String("user", account.Name))
	s.log.Info("logged in", zap.String("as", user), zap.Bool("tls", s.control.isEncrypted()), contactField(account.Contact))
	s.security(SecurityEvent{Kind: SecurityLoginOK, Method: method})
	s.emit(Event{Kind: EventLogin})
	s.reply(code, "Logged in.")
}

// contactField is there for anonymous clients alone.
func contactField(contact string) zap.Field {
	if contact == "" {
		return zap.Skip()
	}
	return zap.String("contact", contact)
}

func (s *session) authenticate(attempt driver.Attempt) (*driver.Account, error) {
	ctx, cancel := context.WithCancel(s.ctx)
	if limit := s.opts.Limits.LoginTimeout; limit > 0 {
		cancel()
		ctx, cancel = context.WithTimeout(s.ctx, limit)
	}
	defer cancel()
	account, err := s.auth().Authenticate(ctx, attempt)
	if err == nil && (account == nil || account.FS == nil) {
		return nil, errors.New("server: the Authenticator returned neither an account with files nor an error")
	}
	return account, err
}

// refuseLogin tells and answers a failed login.
func (s *session) refuseLogin(user string, err error) {
	s.failedLogins++
	if errors.Is(err, driver.ErrDenied) {
		reason := denialReason(err)
		s.log.Warn("login failed", zap.String("user", user), zap.Int("attempt", s.failedLogins), zap.String("reason", reason))
		s.security(SecurityEvent{Kind: SecurityLoginFailed, User: user, Method: "password", Reason: reason})
	} else {
		s.log.Error("login could not be checked", zap.String("user", user), zap.Error(err))
		s.security(SecurityEvent{Kind: SecurityLoginError, User: user, Method: "password", Detail: err.Error()})
	}
	s.answerRefusedLogin("Login incorrect.")
}

// answerRefusedLogin answers a login that was refused, the later the more have
// been.
func (s *session) answerRefusedLogin(text string) {
	delay := time.NewTimer(500 * time.Millisecond << (s.failedLogins - 1))
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-s.ctx.Done():
		return
	}
	if s.failedLogins >= loginAttempts {
		s.reply(421, "Too many failed logins; closing control connection.")
		s.cancel(errSessionEnded)
		return
	}
	s.reply(530, text)
}

// denialReason names the reason of a denial, for logs alone.
func denialReason(err error) string {
	var reason driver.Denial
	if errors.As(err, &reason) {
		return string(reason)
	}
	return "denied"
}

// cmdACCT: no account needs one (RFC 959 §4.1.1).
func (s *session) cmdACCT(command) string {
	s.reply(202, "No account information is needed.")
	return ""
}

// cmdQUIT ends the session. Running transfers have ended: it was held back.
func (s *session) cmdQUIT(command) string {
	s.reply(221, "Goodbye.")
	s.cancel(errSessionEnded)
	return ""
}

// cmdREIN takes the session back to its beginning, in clear (RFC 959 §4.1.1,
// RFC 4217 §11). The reply still goes through TLS.
func (s *session) cmdREIN(command) string {
	s.logOut()
	s.dropSetup()
	s.user, s.host = "", nil
	s.parameters = initialParameters()
	s.bufferSizeSet = false
	s.setIdleTimeout(s.opts.Limits.IdleTimeout)
	s.reply(220, s.banner())
	if s.spec.ImplicitTLS {
		return "" // there is no clear on this port
	}
	s.protectedData = false
	s.stopTLS()
	return ""
}

// cmdCCC takes TLS off the control connection, for firewalls that read it
// (RFC 4217 §6). Data connections stay as PROT has settled.
func (s *session) cmdCCC(command) string {
	switch {
	case !s.control.isEncrypted():
		s.reply(533, "The control connection is in clear already.")
	case !s.opts.AllowCCC || s.account == nil:
		s.reply(534, "The control connection stays encrypted.")
	default:
		s.reply(200, "The control connection goes on in clear.")
		s.stopTLS()
	}
	return ""
}

func (s *session) stopTLS() {
	if !s.control.isEncrypted() {
		return
	}
	if err := s.control.stopTLS(s.opts.Limits.LoginTimeout); err != nil {
		s.log.Info("session lost", zap.Error(err))
		s.cancel(err)
	}
}

// cmdAUTH starts TLS (RFC 4217 §4). The login starts anew: what was said in
// clear does not count.
func (s *session) cmdAUTH(cmd command) string {
	switch mechanism := strings.ToUpper(cmd.arg); {
	case s.opts.TLS == nil:
		s.reply(502, "This server has no certificate for TLS.")
	case s.control.isEncrypted():
		s.reply(503, "TLS is in use already.")
	case mechanism != "TLS" && mechanism != "TLS-C" && mechanism != "SSL":
		s.reply(504, "Use AUTH TLS.")
	default:
		s.logOut()
		s.user = ""
		s.reply(234, "Proceed with the TLS handshake.")
		if err := s.control.startTLS(s.opts.Limits.LoginTimeout); err != nil {
			s.log.Info("session lost", zap.Error(err))
			s.security(SecurityEvent{Kind: SecurityTLSFailed, Reason: "control", Detail: err.Error()})
			s.cancel(err)
		}
	}
	return ""
}

// cmdPBSZ: under TLS the buffer size is always 0 (RFC 4217 §8).
func (s *session) cmdPBSZ(cmd command) string {
	_, err := strconv.ParseUint(cmd.arg, 10, 32)
	switch {
	case !s.control.isEncrypted():
		s.reply(503, "Send AUTH TLS first.")
	case err != nil:
		s.reply(501, "Syntax: PBSZ 0")
	default:
		s.bufferSizeSet = true
		s.reply(200, "PBSZ=0")
	}
	return ""
}

// cmdPROT settles whether data connections are encrypted (RFC 4217 §9). The
// engine is not told: it leaves TLS to the data connection.
func (s *session) cmdPROT(cmd command) string {
	level := strings.ToUpper(cmd.arg)
	switch {
	case !s.control.isEncrypted() || !s.bufferSizeSet:
		s.reply(503, "Send AUTH TLS and PBSZ 0 first.")
	case level == "P":
		s.protectedData = true
		s.reply(200, "Data connections are encrypted.")
	case level == "C" && s.opts.RequireTLS == TLSForData:
		s.reply(534, "Encryption of data connections is required.")
	case level == "C":
		s.protectedData = false
		s.reply(200, "Data connections are in clear.")
	case level == "S" || level == "E":
		s.reply(536, "Use PROT P or PROT C.")
	default:
		s.reply(504, "Use PROT P or PROT C.")
	}
	return ""
}
