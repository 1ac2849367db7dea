package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// endpoint is where the server says that a data connection goes. EPSV gives no
// address.
type endpoint struct {
	addr netip.Addr
	port uint16
}

// passiveReply is the form of the reply to PASV or EPSV.
func passiveReply(verb string, r reply) (endpoint, error) {
	if verb == verbEPSV {
		return parse229(r.text())
	}
	return parse227(r.text())
}

// sixNumbers finds the address in a 227 reply wherever it stands: RFC 1123
// §4.1.2.6 tells clients to look for the digits alone.
func sixNumbers() *regexp.Regexp { return regexp.MustCompile(`\d{1,3}(?:\s*,\s*\d{1,3}){5}`) }

func parse227(text string) (endpoint, error) {
	fields := strings.Split(sixNumbers().FindString(text), ",")
	if len(fields) != 6 {
		return endpoint{}, errors.New("it holds no address of six numbers")
	}
	var b [6]byte
	for i, field := range fields {
		n, err := strconv.ParseUint(strings.TrimSpace(field), 10, 8)
		if err != nil {
			return endpoint{}, fmt.Errorf("its number %s is above 255", strings.TrimSpace(field))
		}
		b[i] = byte(n)
	}
	return withPort(netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5]))
}

// parse229 reads "(|||port|)", whose delimiter may be another character
// (RFC 2428 §3).
func parse229(text string) (endpoint, error) {
	_, rest, found := strings.Cut(text, "(")
	inner, _, closed := strings.Cut(rest, ")")
	if !found || !closed || len(inner) < 5 {
		return endpoint{}, errors.New("it holds no port in the form (|||port|)")
	}
	fields := strings.Split(inner, inner[:1])
	if len(fields) != 5 || fields[4] != "" {
		return endpoint{}, errors.New("it holds no port in the form (|||port|)")
	}
	port, err := strconv.ParseUint(fields[3], 10, 16)
	if err != nil {
		return endpoint{}, errors.New("its port is not a number from 1 to 65535")
	}
	return withPort(netip.Addr{}, uint16(port))
}

func withPort(addr netip.Addr, port uint16) (endpoint, error) {
	if port == 0 {
		return endpoint{}, errors.New("it names port 0")
	}
	return endpoint{addr, port}, nil
}

// activeCommand is the line that tells the server where to connect to
// (RFC 959 §4.1.2, RFC 2428 §2).
func activeCommand(verb string, to netip.AddrPort) string {
	addr, port := to.Addr().Unmap().WithZone(""), to.Port()
	if verb == verbPORT {
		b := addr.As4()
		return fmt.Sprintf("PORT %d,%d,%d,%d,%d,%d", b[0], b[1], b[2], b[3], port>>8, port&0xff)
	}
	family := 1
	if addr.Is6() {
		family = 2
	}
	return fmt.Sprintf("EPRT |%d|%v|%d|", family, addr, port)
}

// The four ways to settle a data connection.
const (
	verbEPSV = "EPSV"
	verbPASV = "PASV"
	verbEPRT = "EPRT"
	verbPORT = "PORT"
)
