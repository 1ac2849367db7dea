package server

import "bytes"

// Telnet codes (RFC 854). The control connection follows the Telnet protocol
// (RFC 959 §2.2), but for what nobody uses: options are ignored.
const (
	telnetLowest = 240 // SE, the lowest command code
	telnetWILL   = 251 // the lowest of those that an option follows
	telnetDONT   = 254
	telnetIAC    = 255 // starts a command; twice, it is a byte of data
)

// withoutTelnet takes Telnet commands out of a line: IP and Synch in front of
// ABOR (RFC 959 §4.1.3), offers of options, and the doubling of the byte 255 in
// names. Clients that know nothing of Telnet send that byte once; so it stays
// where no command code follows.
func withoutTelnet(line []byte) []byte {
	i := bytes.IndexByte(line, telnetIAC)
	if i < 0 {
		return withoutCodes(line)
	}
	plain := append(make([]byte, 0, len(line)), line[:i]...)
	for i < len(line) {
		switch rest := line[i:]; {
		case rest[0] != telnetIAC || len(rest) == 1 || rest[1] < telnetLowest:
			plain = append(plain, rest[0])
			i++
		case rest[1] == telnetIAC:
			plain = append(plain, telnetIAC)
			i += 2
		case rest[1] >= telnetWILL && rest[1] <= telnetDONT:
			i += 3
		default:
			i += 2
		}
	}
	return withoutCodes(plain)
}

// withoutCodes drops command codes that have lost their IAC, or the code that
// an IAC belongs to: Synch travels as urgent data, which TCP takes out of the
// stream. No verb starts with such a byte.
func withoutCodes(line []byte) []byte {
	for len(line) > 0 && line[0] >= telnetLowest {
		line = line[1:]
	}
	return line
}

// appendTelnet appends text to a reply as Telnet wants it.
func appendTelnet(dst []byte, text string) []byte {
	for i := range len(text) {
		if dst = append(dst, text[i]); text[i] == telnetIAC {
			dst = append(dst, telnetIAC)
		}
	}
	return dst
}
