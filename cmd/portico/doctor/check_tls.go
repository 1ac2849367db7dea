package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// noteTLS reports the handshake of the control connection.
func (c *course) noteTLS(state tls.ConnectionState) {
	check := Check{Name: string(stageTLS), Area: AreaLogin, Cases: []Case{Control}, Verdict: OK, Detail: fmt.Sprintf("%s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))}
	if state.Version < tls.VersionTLS12 {
		check.Verdict, check.Detail = Warn, check.Detail+": current clients refuse it"
		check.Remedy = "let the server offer TLS 1.2 and 1.3"
	}
	c.note(check)
	if len(state.PeerCertificates) > 0 {
		c.noteCertificate(state.PeerCertificates, time.Now())
	}
}

func (c *course) noteNoTLS(failed *failure) {
	check := Check{Name: string(stageTLS), Area: AreaLogin, Cases: []Case{Control}, Verdict: Blocked, Detail: failed.why()}
	switch {
	case failed.err == nil && c.optional:
		check.Verdict, check.Detail = Skipped, "the server offers none: "+check.Detail
	case failed.err == nil:
		check.Remedy = "give the server a certificate, or use ftp:// without TLS"
	case errors.Is(failed.err, errEarlyBytes):
		check.Remedy = "do not log in from this network: something on the way writes into the control connection"
	default:
		check.Remedy = "look at the server's certificate and TLS versions, and for a firewall that inspects FTP and breaks TLS"
	}
	if check.Verdict == Blocked && c.optional {
		check.Verdict = Warn
	}
	c.note(check)
}

// expirySoon is how long before its end a certificate is worth a word.
const expirySoon = 14 * 24 * time.Hour

// noteCertificate reports what clients that verify will find wrong.
func (c *course) noteCertificate(chain []*x509.Certificate, now time.Time) {
	leaf := chain[0]
	check := Check{Name: "certificate", Area: AreaTransfer, Cases: []Case{Control}, Verdict: OK}
	faults := certificateFaults(chain, c.Target.Host, now)
	check.Detail = fmt.Sprintf("for %s, until %s", printable(strings.Join(certificateNames(leaf), " ")), leaf.NotAfter.Format(time.DateOnly))
	for _, fault := range faults {
		check.Verdict = Warn
		check.Detail += "; " + fault.what
	}
	if len(faults) > 0 {
		check.Remedy = faults[0].remedy
	}
	c.note(check)
}

type fault struct{ what, remedy string }

func certificateFaults(chain []*x509.Certificate, host string, now time.Time) (faults []fault) {
	leaf := chain[0]
	switch {
	case now.After(leaf.NotAfter):
		faults = append(faults, fault{"it has expired", "renew the certificate"})
	case now.Before(leaf.NotBefore):
		faults = append(faults, fault{"it is not valid yet", "correct the clock of the machine that is wrong, or wait"})
	case now.Add(expirySoon).After(leaf.NotAfter):
		faults = append(faults, fault{"it expires soon", "renew the certificate"})
	}
	if leaf.VerifyHostname(host) != nil {
		faults = append(faults, fault{"it does not name " + printable(host), "use a name of the certificate, or let the next certificate name this one"})
	}
	if !isTrusted(chain, now) {
		faults = append(faults, fault{"nobody that this machine trusts has signed it", "use a certificate of a public authority, or give clients the one that signed it"})
	}
	return faults
}

// isTrusted leaves the certificate's own dates and names to others.
func isTrusted(chain []*x509.Certificate, now time.Time) bool {
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	if now.Before(chain[0].NotBefore) || now.After(chain[0].NotAfter) {
		now = chain[0].NotBefore.Add(time.Second)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Intermediates: intermediates, CurrentTime: now})
	return err == nil
}

func certificateNames(leaf *x509.Certificate) []string {
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = append(names, leaf.Subject.String())
	}
	return names
}

// checkReuse finds out whether data connections must resume the control
// connection's TLS session: all transfers before have offered to.
func (c *course) checkReuse(ctx context.Context) {
	check := Check{Name: "tls-reuse", Area: AreaTransfer, Verdict: OK}
	if c.passive == "" {
		check.Verdict, check.Detail = Skipped, "no passive data connection works"
		c.note(check)
		return
	}
	resuming, err := c.list(ctx, false)
	if err != nil {
		c.skip(check, err)
		return
	}
	fresh, err := c.list(ctx, true)
	c.close() // vsftpd ends a session in which a transfer did not resume
	if err != nil {
		c.skip(check, err)
		return
	}
	switch {
	case !resuming.succeeded():
		check.Verdict, check.Detail = Skipped, "a second transfer failed: "+resuming.problem()
	case fresh.succeeded() && resuming.resumed:
		check.Detail = "data connections may resume the TLS session, and need not"
	case fresh.succeeded():
		check.Detail = "the server resumes no TLS session on data connections"
	default:
		check.Detail = fmt.Sprintf("data connections must resume the TLS session; clients that cannot will fail (%s)", fresh.problem())
	}
	c.note(check)
}
