package config

import (
	"fmt"
	"slices"
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

func (v *validation) checkUnique(key string, words []string) {
	seen := map[string]bool{}
	for i, word := range words {
		if seen[word] {
			v.add(fmt.Sprintf("%s[%d]", key, i), "%s is there twice", word)
		}
		seen[word] = true
	}
}
