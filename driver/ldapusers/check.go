package ldapusers

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// Check asks every server what can be asked without a user: whether it can be
// reached and verified, whether it takes BindDN's password, and whether Base and
// GroupBase are there. It takes Timeout for each server at the most. The error
// joins all that is wrong; each part names its server.
func (s *Source) Check(ctx context.Context) error {
	var faults []error
	for _, server := range s.servers.list {
		if err := s.askServer(ctx, server, s.tryOut); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", server.url, err))
		}
	}
	return errors.Join(faults...)
}

func (s *Source) tryOut(conn *ldap.Conn) error {
	if s.opts.Base == "" { // nobody but a user may be able to read anything
		_, err := s.search(conn, ldap.ScopeBaseObject, "", "(objectClass=*)", 1, []string{noAttributes})
		if !isAnswer(err) {
			return err
		}
		return nil
	}
	if err := s.bindAsSearcher(conn); err != nil {
		return err
	}
	for _, base := range []string{s.opts.Base, s.opts.GroupBase} {
		if base == "" {
			continue
		}
		if _, err := s.search(conn, ldap.ScopeBaseObject, base, "(objectClass=*)", 1, []string{noAttributes}); err != nil {
			return fmt.Errorf("look for %q: %w", base, err)
		}
	}
	return nil
}

// noAttributes asks for none (RFC 4511 §4.5.1.8).
const noAttributes = "1.1"

// InClear returns the servers, not on this machine, to which passwords would go
// unencrypted.
func (s *Source) InClear() []string {
	var urls []string
	for _, server := range s.servers.list {
		if !server.secure && !s.opts.StartTLS && !server.isLocal() {
			urls = append(urls, server.url)
		}
	}
	return urls
}
