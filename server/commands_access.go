package server

import (
	"context"
	"errors"
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
	if s.server.opts.RequireTLS != TLSOptional && !s.control.isEncrypted() {
		s.reply(530, "Encryption is required: send AUTH TLS first.")
		return ""
	}
	s.logOut()
	s.user = cmd.arg
	s.reply(331, "Password required.")
	return ""
}

// cmdPASS checks the password. The engine learns only of logins that succeed:
// it would end the session at the first that does not.
func (s *session) cmdPASS(cmd command) string {
	if s.user == "" {
		s.reply(503, "Send USER first.")
		return ""
	}
	user := s.user
	s.user = ""
	account, err := s.authenticate(driver.Attempt{
		User: user, Password: cmd.arg, Client: s.client, Local: s.local, TLS: s.control.tlsState(),
	})
	switch {
	case err != nil:
		s.refuseLogin(user, err)
	case !s.server.enterUser(account.Name):
		s.log.Warn("login refused", zap.String("user", account.Name), zap.String("reason", "too many sessions of this user"))
		s.reply(530, "Too many sessions of this user, close one first.")
	default:
		s.account = account
		s.log = s.baseLog.With(zap.String("user", account.Name))
		s.log.Info("logged in", zap.Bool("tls", s.control.isEncrypted()))
		return "PASS *" // the engine asks for the account, not for the password
	}
	return ""
}

func (s *session) authenticate(attempt driver.Attempt) (*driver.Account, error) {
	ctx, cancel := context.WithCancel(s.ctx)
	if limit := s.server.opts.Limits.LoginTimeout; limit > 0 {
		cancel()
		ctx, cancel = context.WithTimeout(s.ctx, limit)
	}
	defer cancel()
	account, err := s.server.opts.Auth.Authenticate(ctx, attempt)
	if err == nil && (account == nil || account.FS == nil) {
		return nil, errors.New("server: the Authenticator returned neither an account with files nor an error")
	}
	return account, err
}

// refuseLogin answers a failed login, the later the more have failed.
func (s *session) refuseLogin(user string, err error) {
	s.failedLogins++
	if errors.Is(err, driver.ErrDenied) {
		s.log.Warn("login failed", zap.String("user", user), zap.Int("attempt", s.failedLogins))
	} else {
		s.log.Error("login could not be checked", zap.String("user", user), zap.Error(err))
	}
	delay := time.NewTimer(500 * time.Millisecond << (s.failedLogins - 1))
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-s.ctx.Done():
		return
	}
	if s.failedLogins >= loginAttempts {
		s.reply(421, "Login incorrect too often; closing control connection.")
		s.cancel(errSessionEnded)
		return
	}
	s.reply(530, "Login incorrect.")
}

// cmdAUTH starts TLS (RFC 4217 §4). The login starts anew: what was said in
// clear does not count.
func (s *session) cmdAUTH(cmd command) string {
	switch mechanism := strings.ToUpper(cmd.arg); {
	case s.server.tls == nil:
		s.reply(502, "This server has no certificate for TLS.")
	case s.control.isEncrypted():
		s.reply(503, "TLS is in use already.")
	case mechanism != "TLS" && mechanism != "TLS-C" && mechanism != "SSL":
		s.reply(504, "Use AUTH TLS.")
	default:
		s.logOut()
		s.user = ""
		s.reply(234, "Proceed with the TLS handshake.")
		if err := s.control.startTLS(s.server.opts.Limits.LoginTimeout); err != nil {
			s.log.Info("session lost", zap.Error(err))
			s.cancel(err)
		}
	}
	return ""
}

// cmdPBSZ: under TLS the buffer size is always 0 (RFC 4217 §8).
func (s *session) cmdPBSZ(command) string {
	if !s.control.isEncrypted() {
		s.reply(503, "Send AUTH TLS first.")
		return ""
	}
	s.bufferSizeSet = true
	s.reply(200, "PBSZ=0")
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
	case level == "C" && s.server.opts.RequireTLS == TLSForData:
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
