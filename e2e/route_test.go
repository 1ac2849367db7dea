//go:build unix

package e2e

import (
	"fmt"
	"net"
	"strconv"
)

// mode is the command that opens a data connection.
type mode string

const (
	pasv mode = "PASV"
	epsv mode = "EPSV"
	port mode = "PORT"
	eprt mode = "EPRT"
)

func (m mode) passive() bool { return m == pasv || m == epsv }

// security is how a session is encrypted.
type security string

const (
	plain    security = "plain"
	explicit security = "explicit" // AUTH TLS, RFC 4217
	implicit security = "implicit"
)

// route is one way from a client to the server.
type route struct {
	mode
	security
	host string // 127.0.0.1 or ::1
}

// routes are all ways that a client knows. PASV and PORT exist over IPv4 alone
// (RFC 2428 §1).
func routes(modes []mode, securities []security) []route {
	var all []route
	for _, m := range modes {
		for _, s := range securities {
			all = append(all, route{m, s, "127.0.0.1"})
			if suite.ipv6 && (m == epsv || m == eprt) {
				all = append(all, route{m, s, "::1"})
			}
		}
	}
	return all
}

// name is the name of the route's test and of the folder in which it works.
func (r route) name() string {
	family := "IPv4"
	if r.host == "::1" {
		family = "IPv6"
	}
	return fmt.Sprintf("%s_%s_%s", r.mode, r.security, family)
}

// heavy says whether the large file takes this route: two modes, in clear and
// encrypted, are enough to move it through every code path.
func (r route) heavy() bool {
	return r.host == "127.0.0.1" && r.security != implicit && (r.mode == epsv || r.mode == port)
}

// endpoint is what a client needs to know.
type endpoint struct {
	route
	port           int
	user, password string
	scratch        string // a folder of the client's own
}

func (e endpoint) address() string { return net.JoinHostPort(e.host, strconv.Itoa(e.port)) }

func (s *site) endpoint(r route, scratch string) endpoint {
	e := endpoint{route: r, port: s.control, user: userName, password: suite.password, scratch: scratch}
	if r.security == implicit {
		e.port = s.implicit
	}
	return e
}
