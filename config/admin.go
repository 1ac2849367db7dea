package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Admin settles the admin interface: metrics, health, an API, and what the
// commands status, sessions, kick, ports and top talk to.
type Admin struct {
	// Address is where it listens: "host:port", or "unix:/path" for a socket that
	// the user and the group of the process can use. Empty: it is off.
	Address string `mapstructure:"address"`
	// Tokens let clients in. Without any, everybody who can connect is an
	// administrator, which is allowed on loopback addresses and unix sockets only.
	Tokens []AdminToken `mapstructure:"tokens"`
	// TLS encrypts it. Other addresses than loopback need it.
	TLS AdminTLS `mapstructure:"tls"`
	// Pprof offers profiles of the process to administrators, below /debug/pprof/.
	Pprof bool `mapstructure:"pprof"`
	// Metrics offers metrics for Prometheus at /metrics. They are counted only
	// while Address is set.
	Metrics bool `mapstructure:"metrics"`
}

// AdminToken is a secret that lets a client in. Exactly one of Token and
// TokenFile is set.
type AdminToken struct {
	// Name is what the log calls whoever uses it. Names are unique.
	Name string `mapstructure:"name"`
	// Token is the secret, 16 characters or more.
	Token Secret `mapstructure:"token"`
	// TokenFile is a file that holds it, in place of Token.
	TokenFile Path `mapstructure:"token_file"`
	// Role is what it allows: "read" to see, "admin" to change things, too, and to
	// see the log and profiles.
	Role string `mapstructure:"role" oneof:"read admin"`
}

// AdminTLS is the certificate of the admin interface.
type AdminTLS struct {
	// Certificate is a PEM file with the certificate and the chain that signs it.
	Certificate Path `mapstructure:"certificate"`
	// Key is the PEM file with the certificate's private key.
	Key Path `mapstructure:"key"`
	// ClientCA is a PEM file with authorities of client certificates, which
	// clients must then have. Without tokens such a client is an administrator.
	ClientCA Path `mapstructure:"client_ca"`
}

// DefaultAdminToken returns the values of the keys that a token leaves out.
func DefaultAdminToken() AdminToken { return AdminToken{Role: "read"} }

// unixPrefix starts the address of a unix socket.
const unixPrefix = "unix:"

// Socket returns the path of the unix socket that the address names, and false if
// it names none.
func (a Admin) Socket() (path string, ok bool) { return strings.CutPrefix(a.Address, unixPrefix) }

// minToken is the length of a token below which it counts as a mistake.
const minToken = 16

func (v *validation) checkAdmin() {
	v.checkAdminTokens()
	v.checkAdminTLS()
	if v.Admin.Address == "" {
		return
	}
	if path, isSocket := v.Admin.Socket(); isSocket {
		if !filepath.IsAbs(path) {
			v.add("admin.address", "%q is no full path: write it from the root on, as unix:/run/portico/admin.sock", path)
		}
		return
	}
	e, err := parseEndpoint(v.Admin.Address)
	if err != nil {
		v.add("admin.address", "%v, or unix:/path for a socket", err)
		return
	}
	for i, l := range v.Listeners {
		if other, err := parseEndpoint(l.Address); err == nil && e.collides(other) {
			v.add("admin.address", "%s takes the same port as listeners[%d].address %s: use another port", v.Admin.Address, i, l.Address)
		}
	}
	if v.Passive.Ports.Contains(e.port) {
		v.add("admin.address", "port %d is also one of passive.ports (%v): take it out of one of them", e.port, v.Passive.Ports)
	}
	if e.isLoopback() {
		return
	}
	if len(v.Admin.Tokens) == 0 && v.Admin.TLS.ClientCA == "" {
		v.addFrom("admin.address", "admin.tokens", "is empty, and others than this machine can reach admin.address %s: add a token, set admin.tls.client_ca, or listen on 127.0.0.1 or a unix socket", v.Admin.Address)
	}
	if v.Admin.TLS == (AdminTLS{}) {
		v.addFrom("admin.address", "admin.tls.certificate", "is missing, and others than this machine can reach admin.address %s: tokens would go in clear, so name a certificate, or listen on 127.0.0.1 or a unix socket", v.Admin.Address)
	}
}

// isLoopback says whether only this machine can connect.
func (e endpoint) isLoopback() bool {
	ip, err := netip.ParseAddr(e.host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(e.host, "localhost")
}

func (v *validation) checkAdminTokens() {
	first := map[string]int{}
	for i, t := range v.Admin.Tokens {
		key := fmt.Sprintf("admin.tokens[%d]", i)
		switch j, seen := first[t.Name]; {
		case t.Name == "":
			v.add(key+".name", "is missing: write what the log is to call whoever uses the token")
		case seen:
			v.add(key+".name", "%q is also the name of admin.tokens[%d]: give each token a name of its own", t.Name, j)
		default:
			first[t.Name] = i
		}
		switch {
		case t.Token == "" && t.TokenFile == "":
			v.add(key+".token", "is missing: set it to a long random text (openssl rand -hex 32 makes one), or name a file that holds it in token_file")
		case t.Token != "" && t.TokenFile != "":
			v.add(key+".token_file", "contradicts token: keep one of them")
		}
		roles, _ := find(keysOf(reflect.TypeFor[AdminToken](), ""), "role")
		if !slices.Contains(roles.oneOf, t.Role) { // what only a Config made in code can have wrong
			v.add(key+".role", "%q is no role: write one of %s", t.Role, strings.Join(roles.oneOf, ", "))
		}
	}
}

// TokenProblem says what is wrong with the text of a token, "" if nothing is. It is
// for those who have read the files; Validate would refuse what YAML has masked.
func TokenProblem(token string) string {
	switch {
	case len(token) < minToken:
		return fmt.Sprintf("has %d characters, which can be guessed: write %d or more (openssl rand -hex 32 makes some)", len(token), minToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "holds characters that a header cannot carry: use letters, digits and punctuation of ASCII, without spaces"
	default:
		return ""
	}
}

func (v *validation) checkAdminTLS() {
	t := v.Admin.TLS
	switch {
	case t.Certificate != "" && t.Key == "":
		v.addFrom("admin.tls.certificate", "admin.tls.key", "is missing: name the PEM file with the private key of admin.tls.certificate")
	case t.Certificate == "" && t.Key != "":
		v.addFrom("admin.tls.key", "admin.tls.certificate", "is missing: name the PEM file whose private key admin.tls.key is")
	case t.Certificate == "" && t.ClientCA != "":
		v.addFrom("admin.tls.client_ca", "admin.tls.certificate", "is missing: client certificates need TLS")
	}
}
