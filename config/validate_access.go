package config

import (
	"fmt"
	"strings"
	"unicode"
)

func (v *validation) checkTLS() {
	t := v.TLS
	v.oneOf("tls.min_version", t.MinVersion)
	v.oneOf("tls.require", t.Require)
	v.oneOf("tls.session_reuse", t.SessionReuse)
	switch {
	case t.Certificate != "" && t.SelfSigned:
		v.add("tls.self_signed", "contradicts tls.certificate: keep one of them")
	case t.Certificate != "" && t.Key == "":
		v.addFrom("tls.certificate", "tls.key", "is missing: name the private key of tls.certificate")
	case t.Certificate == "" && t.Key != "":
		v.addFrom("tls.key", "tls.certificate", "is missing: name the certificate of tls.key")
	}
	if !t.Offered() {
		v.checkNothingNeedsCertificate()
	}
}

func (v *validation) checkNothingNeedsCertificate() {
	const remedy = "set tls.certificate and tls.key, or tls.self_signed for a trial"
	if v.TLS.Require != "none" {
		v.add("tls.require", "%s needs a certificate: %s", v.TLS.Require, remedy)
	}
	if v.TLS.SessionReuse == "required" {
		v.add("tls.session_reuse", "required needs a certificate: %s", remedy)
	}
	if v.TLS.ClientCA != "" {
		v.add("tls.client_ca", "needs a certificate: %s", remedy)
	}
	for i, l := range v.Listeners {
		if l.ImplicitTLS {
			v.add(fmt.Sprintf("listeners[%d].implicit_tls", i), "needs a certificate: %s", remedy)
		}
	}
}

func (v *validation) checkUsers() {
	first := map[string]int{}
	for i, u := range v.Users {
		key := fmt.Sprintf("users[%d]", i)
		v.checkName(key+".name", u.Name)
		if j, seen := first[u.Name]; seen && u.Name != "" {
			v.add(key+".name", "%q is also the name of users[%d]: give each user a name of its own", u.Name, j)
		} else {
			first[u.Name] = i
		}
		if u.Password == "" {
			v.add(key+".password", "is missing: `portico passwd` makes the hash of a password")
		}
		if u.Home == "" {
			v.add(key+".home", "is missing: name the directory that the user sees")
		}
		v.checkPermissions(key+".permissions", u.Permissions)
	}
}

func (v *validation) checkName(key, name string) {
	switch {
	case name == "":
		v.add(key, "is missing: write what the client sends as user name")
	case strings.EqualFold(name, "anonymous"):
		v.add(key, "anonymous logs in without a password, so it is no user of the file: use portico serve DIR --anonymous")
	case strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name:
		v.add(key, "%q holds a control character, or white space at an end", name)
	}
}

func (v *validation) checkPermissions(key string, permissions []string) {
	if permissions != nil && len(permissions) == 0 {
		v.add(key, "is empty, which allows nothing: name some, or leave the key out to allow everything")
	}
	seen := map[string]bool{}
	for i, p := range permissions {
		if seen[p] {
			v.add(fmt.Sprintf("%s[%d]", key, i), "%s is there twice", p)
		}
		seen[p] = true
	}
}
