package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
)

// session is a control connection that has logged in, or has come as far as it
// could.
type session struct {
	*control
	greeting  reply
	tlsConfig *tls.Config // with the tickets of this session; nil without TLS
	tlsState  *tls.ConnectionState
}

// close may be called for a session that never came to be.
func (s *session) close() {
	if s.control != nil {
		s.control.close()
	}
}

// stage is a step on the way into a session. Text form: the name of its check.
type stage string

const (
	stageConnect  stage = "connect"
	stageTLS      stage = "tls"
	stageGreeting stage = "greeting"
	stageLogin    stage = "login"
)

// failure is why a session did not come to be.
type failure struct {
	stage   stage
	knocked knocked // of stageConnect
	doing   string  // command; empty for the others
	reply   reply   // a negative one; zero if none came
	err     error
}

func (f *failure) why() string {
	switch {
	case f.err == nil:
		return f.doing + " was answered " + f.reply.String()
	case isTimeout(f.err) && f.doing != "":
		return f.doing + " was not answered in time"
	case f.doing != "":
		return f.doing + ": " + reason(f.err)
	default:
		return reason(f.err)
	}
}

// open makes a session. What it has learned by then is in the session, which
// is never nil, also if it failed. The caller closes it.
func (c *course) open(ctx context.Context) (*session, *failure) {
	s := &session{}
	k := c.connect(ctx, c.remote)
	if k.state != portOpen {
		return s, &failure{stage: stageConnect, knocked: k, err: k.err}
	}
	s.control = newControl(ctx, k.conn, c.Timeout)
	steps := []func(context.Context, *session) *failure{c.greet, c.logIn}
	switch c.security {
	case ExplicitTLS:
		steps = []func(context.Context, *session) *failure{c.greet, c.authTLS, c.logIn, c.protect}
	case ImplicitTLS:
		steps = []func(context.Context, *session) *failure{c.handshake, c.greet, c.logIn, c.protect}
	}
	for _, step := range steps {
		if failed := step(ctx, s); failed != nil {
			s.broken = true
			return s, failed
		}
	}
	return s, nil
}

func (c *course) greet(_ context.Context, s *session) *failure {
	r, err := s.receive()
	if err == nil && r.code == 120 { // "ready in some minutes", and 220 follows
		r, err = s.receive()
	}
	switch {
	case err != nil:
		return &failure{stage: stageGreeting, err: err}
	case r.code != 220:
		return &failure{stage: stageGreeting, doing: "the connection", reply: r}
	}
	s.greeting = r
	return nil
}

func (c *course) authTLS(ctx context.Context, s *session) *failure {
	r, err := s.command("AUTH TLS")
	if err != nil || r.code != 234 {
		return &failure{stage: stageTLS, doing: "AUTH TLS", reply: r, err: err}
	}
	return c.handshake(ctx, s)
}

func (c *course) handshake(ctx context.Context, s *session) *failure {
	s.tlsConfig = &tls.Config{
		ServerName:         c.Target.Host,
		ClientSessionCache: tls.NewLRUClientSessionCache(4),
		// What is wrong with a certificate is for checkCertificate to say; the
		// examination goes on, and old versions are to be seen too.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
	}
	state, err := s.startTLS(ctx, s.tlsConfig)
	if err != nil {
		return &failure{stage: stageTLS, doing: "the TLS handshake", err: err}
	}
	s.tlsState = state
	return nil
}

func (c *course) logIn(_ context.Context, s *session) *failure {
	r, err := s.command("USER %s", c.Target.User)
	doing := "USER"
	if err == nil && (r.code == 331 || r.code == 332) {
		r, err = s.command("PASS %s", c.Target.Password)
		doing = "PASS"
	}
	if err != nil || !r.completed() {
		return &failure{stage: stageLogin, doing: doing, reply: c.withoutPassword(r), err: err}
	}
	if c.Target.Directory != "" {
		if r, err = s.command("CWD %s", c.Target.Directory); err != nil || !r.completed() {
			return &failure{stage: stageLogin, doing: "CWD to the path of the URL", reply: r, err: err}
		}
	}
	if _, err = s.command("TYPE I"); err != nil { // its reply does not matter: listings travel in ASCII anyway
		return &failure{stage: stageLogin, doing: "TYPE I", err: err}
	}
	return nil
}

// protect asks for TLS on data connections (RFC 4217 §8, §9).
func (c *course) protect(_ context.Context, s *session) *failure {
	if _, err := s.command("PBSZ 0"); err != nil {
		return &failure{stage: stageTLS, doing: "PBSZ 0", err: err}
	}
	r, err := s.command("PROT P")
	if err != nil || !r.completed() {
		return &failure{stage: stageTLS, doing: "PROT P", reply: r, err: err}
	}
	return nil
}

// withoutPassword: some servers repeat a command that they refuse.
func (c *course) withoutPassword(r reply) reply {
	hidden := reply{code: r.code}
	for _, line := range r.lines {
		if c.Target.Password != "" {
			line = strings.ReplaceAll(line, c.Target.Password, "***")
		}
		hidden.lines = append(hidden.lines, line)
	}
	return hidden
}

// enter makes the checks on the way into the first session.
func (c *course) enter(ctx context.Context) bool {
	s, failed := c.open(ctx)
	reached := stage("")
	if failed != nil {
		reached = failed.stage
	}
	if c.first || reached == stageConnect || reached == stageGreeting {
		c.noteConnect(failed)
	}
	if s.greeting.code != 0 && c.first {
		c.noteGreeting(s.greeting)
	}
	if s.tlsState != nil {
		c.noteTLS(*s.tlsState)
	}
	switch reached {
	case "":
		c.note(Check{Name: string(stageLogin), Area: AreaLogin, Cases: []Case{Control}, Verdict: OK, Detail: "logged in as " + printable(c.Target.User)})
		c.session = s
		return true
	case stageGreeting:
		c.unreachable = true
		c.noteNoGreeting(failed)
	case stageConnect:
		c.unreachable = true
	case stageTLS:
		c.noteNoTLS(failed)
	case stageLogin:
		c.noteNoLogin(failed)
	}
	s.close()
	return false
}

func (c *course) noteConnect(failed *failure) {
	check := Check{Name: string(stageConnect), Area: AreaControl, Cases: []Case{Control}, Verdict: OK, Detail: fmt.Sprintf("connected to %v", c.remote)}
	if failed != nil && failed.stage == stageConnect {
		check.Verdict = Blocked
		check.Detail = failed.knocked.phrase(c.Timeout)
		switch failed.knocked.state {
		case portNoRoute:
			check.Verdict, check.Remedy = Skipped, fmt.Sprintf("give this machine %s, or use the other family", c.family)
		case portRefused:
			check.Remedy = fmt.Sprintf("start the server, or correct the port: nothing takes connections on %d", c.remote.Port())
		case portForbidden:
			check.Remedy = fmt.Sprintf("allow this program TCP out to port %d", c.remote.Port())
		default:
			check.Remedy = fmt.Sprintf("on the server's firewall allow TCP in on port %d, on yours TCP out to it", c.remote.Port())
		}
	}
	c.note(check)
}

func (c *course) noteGreeting(greeting reply) {
	check := Check{Name: string(stageGreeting), Area: AreaControl, Cases: []Case{Control}, Verdict: OK, Detail: greeting.String()}
	if strings.Contains(greeting.text(), "****") {
		check.Verdict = Warn
		check.Detail += ": a firewall on the way rewrites the control connection, as its stars show"
		check.Remedy = "switch off FTP inspection on that firewall, or use TLS from the start (ftps)"
	}
	c.doctor.mu.Lock()
	if c.doctor.report.Server == "" {
		c.doctor.report.Server = printable(greeting.text())
	}
	c.doctor.mu.Unlock()
	c.note(check)
}

func (c *course) noteNoGreeting(failed *failure) {
	check := Check{Name: string(stageGreeting), Area: AreaControl, Cases: []Case{Control}, Verdict: Blocked, Detail: "no greeting: " + failed.why()}
	switch {
	case failed.err == nil:
		check.Remedy = "wait, or ask the server's operator why it refuses sessions"
	case isTimeout(failed.err):
		check.Remedy = "if the server wants TLS from the start, use ftps://; else look at the proxy or load balancer that took the connection"
	case errors.Is(failed.err, errNotFTP), errors.Is(failed.err, errReplyTooLong):
		check.Remedy = fmt.Sprintf("correct the address: what answers on port %d is no FTP server", c.remote.Port())
	default:
		check.Remedy = "look at the server's log for why it closes: a limit of sessions, a list of refused addresses, a load balancer with no server behind it"
	}
	c.note(check)
}

func (c *course) noteNoLogin(failed *failure) {
	check := Check{Name: string(stageLogin), Area: AreaLogin, Cases: []Case{Control}, Verdict: Blocked, Detail: failed.why()}
	check.Remedy = "correct the user name or password"
	switch {
	case failed.err != nil:
		check.Remedy = "look at the server's log; it did not answer as FTP servers do"
	case failed.doing == "USER" && c.security == Plain:
		check.Remedy = "use ftpes:// if the server wants TLS, or another user"
	case strings.HasPrefix(failed.doing, "CWD"):
		check.Remedy = "name a directory that exists in the path of the URL"
	}
	c.note(check)
}
