package doctor

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Scheme says how a session is to begin. Text form: that of the URL.
type Scheme string

const (
	// SchemeFTP begins in clear. TLS is examined too where the server offers it.
	SchemeFTP Scheme = "ftp"
	// SchemeFTPES begins with AUTH TLS (RFC 4217). Nothing is sent in clear
	// but that.
	SchemeFTPES Scheme = "ftpes"
	// SchemeFTPS begins with the TLS handshake.
	SchemeFTPS Scheme = "ftps"
)

// Target is the server to examine, and as whom.
type Target struct {
	Scheme    Scheme
	Host      string // a name or an IP address
	Port      uint16
	User      string
	Password  string
	Directory string // to change to after login; empty: none
}

// String is the URL without the password.
func (t Target) String() string {
	u := url.URL{Scheme: string(t.Scheme), Host: net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))), Path: t.Directory, User: url.User(t.User)}
	return u.String()
}

// anonymousUser is who logs in when nobody is named (RFC 1635).
const anonymousUser = "anonymous"

const targetSyntax = "write it as ftp://user@host:port, or with ftpes (AUTH TLS) or ftps (implicit TLS) instead of ftp"

// ParseTarget reads a URL. The password is that of the URL, else the one given,
// which may be empty. No error repeats the URL, which may hold a password.
func ParseTarget(text, password string) (Target, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return Target{}, fmt.Errorf("the address of the server is not a URL with a host: %s", targetSyntax)
	}
	t := Target{Scheme: Scheme(strings.ToLower(u.Scheme)), Host: u.Hostname(), User: u.User.Username(), Password: password}
	if fromURL, has := u.User.Password(); has {
		t.Password = fromURL
	}
	if t.User == "" {
		t.User = anonymousUser
	}
	if t.User == anonymousUser && t.Password == "" {
		t.Password = "doctor@"
	}
	if u.Path != "/" {
		t.Directory = u.Path
	}
	if t.Port, err = targetPort(t.Scheme, u.Port()); err != nil {
		return Target{}, err
	}
	// A line break in a name would be a command of its own.
	if strings.ContainsAny(t.User+t.Password+t.Directory, "\r\n\x00") {
		return Target{}, errors.New("the user, password or path of the URL holds a line break or a zero byte, which FTP cannot send: remove it")
	}
	return t, nil
}

func targetPort(scheme Scheme, text string) (uint16, error) {
	standard, known := map[Scheme]uint16{SchemeFTP: 21, SchemeFTPES: 21, SchemeFTPS: 990}[scheme]
	if !known {
		return 0, fmt.Errorf("the URL begins with another scheme than ftp, ftpes or ftps: %s", targetSyntax)
	}
	if text == "" {
		return standard, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("the URL names port %q: use a port from 1 to 65535", text)
	}
	return uint16(port), nil
}
