package ldapusers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// mostGroups bounds the groups of one user that are searched for.
const mostGroups = 1000

// membership is a group of the directory that a user is in.
type membership struct {
	dn   *ldap.DN // nil: only the name is known
	name string
}

// groupsOf returns the groups of this server that a user is in, in an order that
// stays the same.
func (s *Source) groupsOf(conn *ldap.Conn, entry *ldap.Entry) ([]string, error) {
	memberships := membershipsOf(entry, s.opts.Attributes.Groups)
	if s.opts.GroupBase != "" {
		name := entry.GetEqualFoldAttributeValue(s.opts.Attributes.Name)
		result, err := s.search(conn, ldap.ScopeWholeSubtree, s.opts.GroupBase, s.opts.groupFilter(name, entry.DN), mostGroups, []string{"cn"})
		if err != nil {
			return nil, fmt.Errorf("search for the groups of %q: %w", entry.DN, err)
		}
		for _, group := range result.Entries {
			found := newMembership(group.DN)
			if name := group.GetEqualFoldAttributeValue("cn"); name != "" {
				found.name = name
			}
			memberships = append(memberships, found)
		}
	}
	var groups []string
	for _, name := range append(s.opts.nameGroups(memberships), s.opts.Groups...) {
		if !slices.Contains(groups, name) {
			groups = append(groups, name)
		}
	}
	return groups, nil
}

func membershipsOf(entry *ldap.Entry, attribute string) []membership {
	if attribute == "" {
		return nil
	}
	var memberships []membership
	for _, value := range entry.GetEqualFoldAttributeValues(attribute) {
		memberships = append(memberships, newMembership(value))
	}
	return memberships
}

// newMembership takes the name of an entry, or a common name.
func newMembership(value string) membership {
	dn, err := ldap.ParseDN(value)
	if err != nil || len(dn.RDNs) == 0 || len(dn.RDNs[0].Attributes) == 0 {
		return membership{name: value}
	}
	return membership{dn: dn, name: dn.RDNs[0].Attributes[0].Value}
}

// nameGroups returns what the groups are called here: in the order of
// GroupNames, or sorted, for a directory gives them in any order.
func (o Options) nameGroups(memberships []membership) []string {
	var names []string
	if len(o.GroupNames) == 0 {
		for _, m := range memberships {
			names = append(names, m.name)
		}
		slices.Sort(names)
		return names
	}
	for _, group := range o.GroupNames {
		wanted := newMembership(group.LDAP)
		if slices.ContainsFunc(memberships, wanted.isMet) {
			names = append(names, group.Group)
		}
	}
	return names
}

// isMet says whether a membership is the wanted one, which may be a name alone.
func (m membership) isMet(other membership) bool {
	if m.dn == nil {
		return strings.EqualFold(m.name, other.name)
	}
	return other.dn != nil && m.dn.EqualFold(other.dn)
}
