package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// checkUsers checks a list of accounts, the server's or a host's. Verified says
// whether their client certificates can be.
func (v *validation) checkUsers(list string, users []User, verified bool) {
	first, anonymous := map[string]int{}, -1
	for i, u := range users {
		key := fmt.Sprintf("%s[%d]", list, i)
		v.checkName(key+".name", u)
		if j, seen := first[u.Name]; seen && u.Name != "" {
			v.add(key+".name", "%q is also the name of %s[%d]: give each user a name of its own", u.Name, list, j)
		} else {
			first[u.Name] = i
		}
		if u.Anonymous && anonymous >= 0 {
			v.add(key+".anonymous", "%s[%d] is anonymous already: keep one of the two", list, anonymous)
		} else if u.Anonymous {
			anonymous = i
		}
		v.checkUser(key, u)
		if u.Certificate != "" && !verified {
			v.add(key+".certificate", "needs tls.client_ca: name a PEM file with the authorities whose certificates are believed")
		}
	}
}

func (v *validation) checkUser(key string, u User) {
	switch {
	case u.Password == "" && !u.Anonymous:
		v.add(key+".password", "is missing: `portico passwd` makes the hash of a password")
	case u.Password != "" && u.Anonymous:
		v.add(key+".password", "an anonymous user takes any password: remove it, or make the user not anonymous")
	}
	v.checkMemberships(key+".groups", u.Groups)
	if u.hasHome() || !v.haveHome(u.Groups) {
		v.checkPlace(key, "home", u.Home, u.CreateHome, u.Place)
	} else {
		v.checkStorage(key, u.Place)
	}
	v.checkAccount(key, u.Account)
}

// checkMemberships checks a list of names of groups.
func (v *validation) checkMemberships(key string, groups []string) {
	v.checkUnique(key, groups)
	for i, name := range groups {
		v.checkMembership(fmt.Sprintf("%s[%d]", key, i), name)
	}
}

func (v *validation) checkMembership(key, group string) {
	if !slices.ContainsFunc(v.Groups, func(g Group) bool { return g.Name == group }) {
		v.add(key, "there is no group %q: define it in groups, or leave it out", group)
	}
}

// haveHome says whether one of the groups has a home for its members.
func (v *validation) haveHome(groups []string) bool {
	return slices.ContainsFunc(v.Groups, func(g Group) bool {
		return slices.Contains(groups, g.Name) && g.hasHome()
	})
}

func (v *validation) checkAuth() {
	v.checkUnique("auth.order", v.Auth.Order)
	htpasswd := v.Auth.Htpasswd
	switch {
	case htpasswd.Path != "":
		v.checkSourceGroups("auth.htpasswd.groups", htpasswd.Groups)
	case len(htpasswd.Groups) > 0:
		v.addFrom("auth.htpasswd.groups", "auth.htpasswd.path", "is missing: name the file, or remove auth.htpasswd.groups")
	}
	v.checkSQL()
	v.checkLDAP()
	v.checkHTTPUsers()
}

// checkSourceGroups checks the groups of users who have a home from nowhere else.
func (v *validation) checkSourceGroups(key string, groups []string) {
	v.checkMemberships(key, groups)
	if !v.haveHome(groups) {
		v.add(key, "has no group with a home, so nobody could log in: name one")
	}
}

func (v *validation) checkGroups() {
	first := map[string]int{}
	for i, g := range v.Groups {
		key := fmt.Sprintf("groups[%d]", i)
		j, seen := first[g.Name]
		switch {
		case g.Name == "":
			v.add(key+".name", "is missing: write what users call the group")
		case seen:
			v.add(key+".name", "%q is also the name of groups[%d]: give each group a name of its own", g.Name, j)
		default:
			first[g.Name] = i
		}
		if g.hasHome() {
			v.checkPlace(key, "home", g.Home, g.CreateHome, g.Place)
		} else {
			v.checkStorage(key, g.Place)
		}
		v.checkAccount(key, g.Account)
	}
}

// checkAccount checks what users and groups have in common, but for the home.
func (v *validation) checkAccount(key string, a Account) {
	v.checkMounts(key+".mounts", a.Mounts)
	v.checkQuota(key+".quota", a)
	v.checkUnique(key+".refused_commands", a.RefusedCommands)
	v.notNegativeCount(key+".limits.sessions", a.Limits.Sessions)
	v.notNegativeCount(key+".limits.transfers", a.Limits.Transfers)
}

func (v *validation) notNegativeCount(key string, count int) {
	if count < 0 {
		v.add(key, "%d is negative: write 0 for no limit", count)
	}
}

func (v *validation) checkName(key string, u User) {
	switch {
	case u.Name == "":
		v.add(key, "is missing: write what the client sends as user name")
	case strings.EqualFold(u.Name, "anonymous") && !u.Anonymous:
		v.add(key, "anonymous logs in without a password: set anonymous: true for this user, or give it another name")
	case strings.ContainsFunc(u.Name, unicode.IsControl) || strings.TrimSpace(u.Name) != u.Name:
		v.add(key, "%q holds a control character, or white space at an end", u.Name)
	}
}
