package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// welcome is what a person needs to use a directory that is served.
type welcome struct {
	directory string
	url       string // with a slash at its end
	curl      string // options of curl
	user      string
	password  string // empty: the person knows it, or none is needed
	upload    bool
	control   string // ports
	passive   string // ports, empty without passive mode
}

// welcome describes the server of a directory.
func (s *setup) welcome(f *serveFlags) welcome {
	listener := s.config.Listeners[0]
	host, port, _ := net.SplitHostPort(listener.Address)
	w := welcome{
		directory: f.directory,
		url:       s.scheme(listener) + "://" + net.JoinHostPort(s.reachableHost(host), port) + "/",
		user:      s.users[0].Name,
		password:  s.generated,
		upload:    s.mayUpload(s.users[0]),
		control:   controlPorts(s.config.Listeners),
		passive:   s.config.Passive.Ports.String(),
	}
	w.curl = strings.Join(s.curlOptions(listener, w), " ")
	return w
}

func (s *setup) mayUpload(user driver.User) bool {
	return s.allow.Has(driver.CanWrite) && (user.Permissions == 0 || user.Permissions.Has(driver.CanWrite))
}

func (s *setup) scheme(l config.Listener) string {
	if l.ImplicitTLS {
		return "ftps"
	}
	return "ftp"
}

func (s *setup) curlOptions(l config.Listener, w welcome) []string {
	var options []string
	if s.tls != nil && !l.ImplicitTLS {
		options = append(options, "--ssl-reqd")
	}
	if s.config.TLS.SelfSigned {
		options = append(options, "-k")
	}
	switch {
	case w.password != "":
		options = append(options, "--user", shellQuote(w.user+":"+w.password))
	case !s.users[0].Anonymous:
		options = append(options, "--user", shellQuote(w.user)) // curl asks for the password
	}
	return options
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// reachableHost is the name or address for clients on other machines, as far
// as this one can know it.
func (s *setup) reachableHost(listenHost string) string {
	for _, rule := range s.config.Passive.PublicAddress {
		if len(rule.Clients) == 0 && rule.Address != "local" {
			return rule.Address
		}
	}
	if !isWildcard(listenHost) {
		return listenHost
	}
	return ownAddress()
}

// ownAddress is the address that this machine would send from to the rest of
// the world. Connecting a UDP socket sends nothing; it only asks for the route.
func ownAddress() string {
	for _, target := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} {
		conn, err := net.Dial("udp", target)
		if err != nil {
			continue
		}
		local, err := netip.ParseAddrPort(conn.LocalAddr().String())
		conn.Close()
		if err == nil && !local.Addr().IsUnspecified() {
			return local.Addr().WithZone("").String()
		}
	}
	return "127.0.0.1"
}

func controlPorts(listeners []config.Listener) string {
	var ports []string
	for _, l := range listeners {
		_, port, _ := net.SplitHostPort(l.Address)
		ports = append(ports, port)
	}
	return strings.Join(ports, ", ")
}

// print writes the description. It is the only place that a generated password
// goes to.
func (w welcome) print(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Portico serves %s at %s\n\n", w.directory, w.url)
	fmt.Fprintf(&text, "  user      %s\n", w.user)
	if w.password != "" {
		fmt.Fprintf(&text, "  password  %s   (new, and shown only now)\n", w.password)
	}
	if w.upload {
		fmt.Fprintf(&text, "  upload    %s\n", w.command("-T FILE", ""))
	}
	fmt.Fprintf(&text, "  download  %s\n\n", w.command("-O", "FILE"))
	fmt.Fprintf(&text, "Open in the firewall: TCP %s (control)", w.control)
	if w.passive != "" {
		fmt.Fprintf(&text, " and TCP %s (data)", w.passive)
	}
	fmt.Fprint(&text, "\n\n")
	_, err := io.WriteString(out, text.String())
	return err
}

func (w welcome) command(action, file string) string {
	parts := []string{"curl", action}
	if w.curl != "" {
		parts = append(parts, w.curl)
	}
	return strings.Join(append(parts, w.url+file), " ")
}
