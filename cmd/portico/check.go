package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
)

func (p *program) checkCommand() *cobra.Command {
	f := &serveFlags{}
	asJSON, live := false, false
	cmd := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Try whether `portico serve` would start, with nothing served",
		Long: `Make every check that the start of a server makes: the configuration, the
users' password hashes and homes, the certificates, whether the control and
passive ports can be bound, whether the buckets of object storage can be listed,
and whether the commands and spools of hooks can be used. Exit code 1 if one
fails. Warnings and notices are about passive ports that would fail later, now
and then. Run it as the user that will run the server, while the server does not
run.

With --live it is the other way round: ask the running server of this
configuration whether it answers on every control address, and print one line.
For health checks of containers.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.takeDirectory(args)
			if live {
				return p.checkLive(cmd.Context(), f)
			}
			return p.check(cmd.Context(), f, asJSON)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&live, "live", false, "ask the running server instead whether it answers")
	cmd.MarkFlagsMutuallyExclusive("json", "live")
	return cmd
}

func (p *program) check(ctx context.Context, f *serveFlags, asJSON bool) error {
	r := &report{}
	p.checkAll(ctx, f, r)
	printed := r.print
	if asJSON {
		printed = r.printJSON
	}
	if err := printed(p.stdout); err != nil {
		return err
	}
	if !r.OK() {
		return errReported
	}
	return nil
}

func (p *program) checkAll(ctx context.Context, f *serveFlags, r *report) {
	r.add("user id", fmt.Sprint(p.uid), checkUID(p.uid, f.allowRoot))
	cfg, err := f.load(p.environ)
	s := &setup{config: cfg, file: f.file}
	if err == nil { // otherwise no slice could be made out
		err = s.keepSlice(p.variable(config.OrdinalVariable))
	}
	r.add("configuration", describeFile(f.file), err)
	if cfg == nil {
		return
	}
	bucketsErr := s.openBuckets(ctx, nil)
	defer s.closeBuckets()
	usersErr := s.addUsers(f)
	if usersErr == nil {
		usersErr = s.tryUsers()
	}
	r.add("users", s.describeUsers(), usersErr)
	s.checkSQL(ctx, r)
	s.checkLDAP(ctx, r)
	s.checkHTTPUsers(ctx, r)
	r.addUnsafeLinks(s.unsafeLinks())
	if bucketsErr != nil {
		r.add("buckets", "", bucketsErr)
	}
	s.checkBuckets(ctx, r)
	s.tls, err = loadTLS(cfg)
	r.add("certificate", describeTLS(s), errors.Join(err, s.checkExpiry("tls", leaf(s.tls), time.Now())))
	s.checkHostTLS(r, time.Now())
	s.sockets, err = p.takeSockets()
	if n := s.sockets.count(); n > 0 || err != nil {
		r.add("socket activation", fmt.Sprintf("%d sockets handed over", n), err)
	}
	for i, l := range cfg.Listeners {
		r.add("listen on "+l.Address, s.describeListener(l.Address), s.tryListener(ctx, i))
	}
	system := portalloc.ReadSystem()
	s.checkPrivileges(r, system)
	s.checkOpenFiles(r, system.OpenFiles)
	s.checkPassive(r)
	if err := s.sockets.unused(); err != nil {
		r.add("socket activation", "", err)
	}
	s.sockets.close()
	s.checkActive(r)
	s.checkSandbox(r)
	s.addHooks(r)
	if cfg.QuotaFile != "" {
		r.add("quota file", string(cfg.QuotaFile), s.checkQuotaFile())
	}
	s.checkShared(r)
	r.add("defence", describeDefence(cfg.Defence), s.checkDefence())
	if cfg.Admin.Address != "" {
		r.add("admin interface", cfg.Admin.Address, s.tryAdministration())
	}
	for _, named := range logPaths(cfg.Log) {
		if named.path != "" {
			r.add(named.key, named.path, s.tryLog(named))
		}
	}
}

func describeFile(file string) string {
	if file == "" {
		return "no file; defaults, environment and flags"
	}
	return file
}

func describeDefence(d config.Defence) string {
	switch {
	case !d.Enabled:
		return "nobody is banned for what they do"
	case d.BanFile == "":
		return "bans are kept until the server stops (defence.ban_file is not set)"
	default:
		return "bans are kept in " + string(d.BanFile)
	}
}

// describeUsers counts those of the configuration and names where others come
// from.
func (s *setup) describeUsers() string {
	text := fmt.Sprintf("%d in the configuration: hashes and homes", s.userCount())
	ordered, _ := s.sourcesInOrder()
	for _, from := range ordered {
		if from.name != "users" {
			text += ", " + from.name
		}
	}
	return text
}

func describeTLS(s *setup) string {
	certificate := leaf(s.tls)
	switch {
	case certificate == nil:
		return "none, TLS is not offered"
	case s.config.TLS.SelfSigned:
		return "self-signed, made at each start"
	default:
		return describeCertificate(certificate)
	}
}

func describeCertificate(certificate *x509.Certificate) string {
	return "valid until " + certificate.NotAfter.Format(time.DateOnly)
}

// leaf is the certificate of its owner alone, nil if there is none.
func leaf(settings *tls.Config) *x509.Certificate {
	if settings == nil {
		return nil
	}
	return settings.Certificates[0].Leaf
}

// checkHostTLS reports on the hosts that have anything of their own.
func (s *setup) checkHostTLS(r *report, now time.Time) {
	for i, host := range s.config.Hosts {
		settings, err := loadHostTLS(s.config, i, s.tls)
		detail := "the server's, with client certificates of its own"
		if certificate := leaf(settings); certificate != nil && host.Certificate != "" {
			detail = describeCertificate(certificate)
			err = errors.Join(err, s.checkExpiry(hostSection(i), certificate, now))
		}
		if settings != nil || err != nil {
			r.add("certificate of "+host.Name, detail, err)
		}
	}
}

// checkExpiry reports a certificate that clients will refuse. The server would
// start with it all the same, so that a late renewal does not cut everybody
// off.
func (s *setup) checkExpiry(section string, certificate *x509.Certificate, now time.Time) error {
	switch {
	case certificate == nil:
		return nil
	case now.After(certificate.NotAfter):
		return s.fault(section+".certificate", "expired on %s: renew it", certificate.NotAfter.Format(time.DateOnly))
	case now.Before(certificate.NotBefore):
		return s.fault(section+".certificate", "is valid from %s only: look at the clock of this machine", certificate.NotBefore.Format(time.DateOnly))
	default:
		return nil
	}
}

func (s *setup) describeListener(address string) string {
	if name := s.sockets.nameOf(address); name != "" {
		return fmt.Sprintf("handed over as %q", name)
	}
	return "can be bound"
}

func (s *setup) tryListener(ctx context.Context, index int) error {
	listener, err := s.sockets.listen(ctx, s.config.Listeners[index].Address)
	if err != nil {
		return s.listenerFault(index, err)
	}
	return listener.Close()
}

func (s *setup) checkPassive(r *report) {
	ports, err := s.bindPassive(zap.NewNop(), nil)
	if ports != nil {
		err = errors.Join(err, ports.Close())
	}
	list := s.config.Passive.Ports
	if list.Len() == 0 {
		r.add("passive ports", "none, passive mode is off", err)
		return
	}
	detail := fmt.Sprintf("%v (%d)", list, list.Len())
	if n := s.sockets.passive(list.Contains); n > 0 {
		detail += fmt.Sprintf(", %d of them handed over", n)
	}
	detail += s.describeSlice()
	r.add("passive ports", detail, err)
	r.addFindings(s.findings(nil), err == nil)
	s.checkPublicAddress(r)
}

// checkPublicAddress reports names that do not resolve at present. The server
// would start all the same and go on trying.
func (s *setup) checkPublicAddress(r *report) {
	advertise, err := s.newAdvertiser(zap.NewNop())
	if err != nil {
		r.add("public address", "", err)
		return
	}
	defer advertise.Close()
	rules := advertise.Status()
	if len(rules) == 0 {
		r.add("public address", "none, each client is told the address that it reached", nil)
	}
	for i, rule := range rules {
		if rule.Err != nil {
			err = s.fault(fmt.Sprintf("passive.public_address[%d].address", i), "%s does not resolve: %v: correct the name, or its DNS", rule.Rule.Address, rule.Err)
		}
		r.add("public address "+rule.Rule.Address, fmt.Sprint(rule.Addresses), err)
		err = nil
	}
}
