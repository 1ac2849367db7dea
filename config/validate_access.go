package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

func (v *validation) checkTLS() {
	t := v.TLS
	v.oneOf("tls.min_version", t.MinVersion)
	v.oneOf("tls.require", t.Require)
	v.oneOf("tls.session_reuse", t.SessionReuse)
	v.oneOf("tls.client_certificates", t.ClientCertificates)
	if t.Certificate != "" && t.SelfSigned {
		v.add("tls.self_signed", "contradicts tls.certificate: keep one of them")
	} else {
		v.checkPair("tls", t.Certificate, t.Key)
	}
	if !t.Offered() {
		v.checkNothingNeedsCertificate()
	}
	if t.ClientCertificates == "optional" && !v.knowsClientCertificates() {
		v.add("tls.client_certificates", "optional needs tls.client_ca: name a PEM file with the authorities whose certificates are believed")
	}
}

// checkPair checks that a certificate has a key and a key a certificate.
func (v *validation) checkPair(section string, certificate, key Path) {
	switch {
	case certificate != "" && key == "":
		v.addFrom(section+".certificate", section+".key", "is missing: name the private key of %s.certificate", section)
	case certificate == "" && key != "":
		v.addFrom(section+".key", section+".certificate", "is missing: name the certificate of %s.key", section)
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
	if v.TLS.AllowCCC {
		v.add("tls.allow_ccc", "needs a certificate: %s", remedy)
	}
	for i, l := range v.Listeners {
		if l.ImplicitTLS {
			v.add(fmt.Sprintf("listeners[%d].implicit_tls", i), "needs a certificate: %s", remedy)
		}
	}
	for i, h := range v.Hosts {
		if h.Certificate != "" {
			v.add(fmt.Sprintf("hosts[%d].certificate", i), "needs another one for clients that name no host: %s", remedy)
		}
		if h.ClientCA != "" {
			v.add(fmt.Sprintf("hosts[%d].client_ca", i), "needs a certificate: %s", remedy)
		}
	}
}

// knowsClientCertificates says whether there is anything to verify client
// certificates with.
func (v *validation) knowsClientCertificates() bool {
	return v.TLS.ClientCA != "" || slices.ContainsFunc(v.Hosts, func(h Host) bool { return h.ClientCA != "" })
}

// checkUsers checks a list of accounts, the server's or a host's. Verified says
// whether their client certificates can be.
func (v *validation) checkUsers(list string, users []User, verified bool) {
	first := map[string]int{}
	for i, u := range users {
		key := fmt.Sprintf("%s[%d]", list, i)
		v.checkName(key+".name", u.Name)
		if j, seen := first[u.Name]; seen && u.Name != "" {
			v.add(key+".name", "%q is also the name of %s[%d]: give each user a name of its own", u.Name, list, j)
		} else {
			first[u.Name] = i
		}
		v.checkUser(key, u)
		if u.Certificate != "" && !verified {
			v.add(key+".certificate", "needs tls.client_ca: name a PEM file with the authorities whose certificates are believed")
		}
	}
}

func (v *validation) checkUser(key string, u User) {
	if u.Password == "" {
		v.add(key+".password", "is missing: `portico passwd` makes the hash of a password")
	}
	v.checkPlace(key, "home", u.Home, u.CreateHome, u.Place)
	v.checkMounts(key+".mounts", u.Mounts)
	v.checkQuota(key+".quota", u)
	v.checkUnique(key+".refused_commands", u.RefusedCommands)
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

func (v *validation) checkUnique(key string, words []string) {
	seen := map[string]bool{}
	for i, word := range words {
		if seen[word] {
			v.add(fmt.Sprintf("%s[%d]", key, i), "%s is there twice", word)
		}
		seen[word] = true
	}
}
