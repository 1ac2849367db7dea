//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
)

// protection says what a session's connections are protected by: a TLS version, or
// nothing.
type protection uint16

const (
	inClear protection = 0
	tls12   protection = tls.VersionTLS12
	tls13   protection = tls.VersionTLS13
)

// session is as little of an FTP client as a measurement needs. Nothing that is
// done once a transfer allocates memory, but for what TLS needs.
type session struct {
	control *socket
	conn    io.ReadWriter // control, or TLS over it
	tls     *tls.Config
	from    netip.Addr
	server  netip.Addr
	buffer  []byte // of replies
	used    int    // of buffer
	taken   int    // of used
	line    []byte
}

// dial connects and reads the greeting.
func dial(local, address string) (*session, error) {
	from, err := netip.ParseAddr(local)
	if err != nil {
		return nil, err
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	control, err := connectPort(from, to)
	if err != nil {
		return nil, err
	}
	s := &session{control: control, conn: control, from: from, server: to.Addr(), buffer: make([]byte, 2048)}
	if err := s.expect('2'); err != nil {
		return nil, errors.Join(fmt.Errorf("greeting: %w", err), control.Close())
	}
	return s, nil
}

// open dials and logs in.
func (l *lab) open(s *server, protect protection, local string) (*session, error) {
	c, err := dial(local, s.address)
	if err != nil {
		return nil, err
	}
	if protect != inClear {
		err = c.encrypt(protect)
	}
	if err == nil {
		err = c.login(l.password)
	}
	if err == nil {
		err = c.command("TYPE I", '2')
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *session) close() { _ = c.control.Close() }

func (c *session) login(password string) error {
	if err := c.command("USER "+userName, '3'); err != nil {
		return err
	}
	return c.command("PASS "+password, '2')
}

// encrypt starts TLS for commands and data (RFC 4217). Data connections resume the
// session that the control connection brings, where the server gives one.
func (c *session) encrypt(version protection) error {
	if err := c.command("AUTH TLS", '2'); err != nil {
		return err
	}
	c.tls = &tls.Config{
		InsecureSkipVerify: true, // the certificate is made for one run
		ServerName:         "localhost",
		MinVersion:         uint16(version), MaxVersion: uint16(version),
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
		CurvePreferences:   []tls.CurveID{tls.X25519, tls.CurveP256},
		CipherSuites:       []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, // of TLS 1.2; the server chooses in 1.3
	}
	c.conn, c.used, c.taken = tls.Client(c.control, c.tls), 0, 0
	return errors.Join(c.command("PBSZ 0", '2'), c.command("PROT P", '2'))
}

func (c *session) command(line string, class byte) error {
	if err := c.send(line); err != nil {
		return err
	}
	if err := c.expect(class); err != nil {
		return fmt.Errorf("%.4s: %w", line, err)
	}
	return nil
}

func (c *session) send(line string) error {
	c.line = append(append(c.line[:0], line...), '\r', '\n')
	_, err := c.conn.Write(c.line)
	return err
}

// replyError is a reply of another class than wanted.
type replyError string

func (e replyError) Error() string { return "reply " + string(e) }

func (c *session) expect(class byte) error {
	line, err := c.reply()
	if err != nil {
		return err
	}
	if line[0] != class {
		return replyError(line)
	}
	return nil
}

// reply is the last line of a reply. It is valid until the next call.
func (c *session) reply() ([]byte, error) {
	for {
		for end := bytes.IndexByte(c.buffer[c.taken:c.used], '\n'); end >= 0; end = bytes.IndexByte(c.buffer[c.taken:c.used], '\n') {
			line := c.buffer[c.taken : c.taken+end]
			c.taken += end + 1
			if isLastLine(line) {
				return bytes.TrimRight(line, "\r"), nil
			}
		}
		c.used = copy(c.buffer, c.buffer[c.taken:c.used])
		c.taken = 0
		if c.used == len(c.buffer) {
			return nil, errors.New("a line of a reply is too long")
		}
		n, err := c.conn.Read(c.buffer[c.used:])
		c.used += n
		if err != nil && n == 0 {
			return nil, err
		}
	}
}

// isLastLine tells the line that ends a reply, RFC 959 section 4.2.
func isLastLine(line []byte) bool {
	return len(line) >= 4 && line[3] == ' ' && '1' <= line[0] && line[0] <= '5'
}

// epsv asks for a passive port, RFC 2428.
func (c *session) epsv() (netip.AddrPort, error) {
	if err := c.send("EPSV"); err != nil {
		return netip.AddrPort{}, err
	}
	line, err := c.reply()
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, ok := parseEPSV(line)
	if !ok {
		return netip.AddrPort{}, replyError(line)
	}
	return netip.AddrPortFrom(c.server, port), nil
}

func parseEPSV(line []byte) (port uint16, ok bool) {
	if !bytes.HasPrefix(line, []byte("229 ")) {
		return 0, false
	}
	start := bytes.Index(line, []byte("(|||"))
	if start < 0 {
		return 0, false
	}
	n := 0
	for _, digit := range line[start+4:] {
		if digit == '|' {
			return uint16(n), n > 0
		}
		if digit < '0' || digit > '9' {
			return 0, false
		}
		if n = n*10 + int(digit-'0'); n > 65535 {
			return 0, false
		}
	}
	return 0, false
}

// transfer opens a data connection and sends the command that uses it.
func (c *session) transfer(command string) (*socket, error) {
	address, err := c.epsv()
	if err != nil {
		return nil, err
	}
	return c.transferTo(address, command)
}

func (c *session) transferTo(address netip.AddrPort, command string) (*socket, error) {
	data, err := connectPort(c.from, address)
	if err != nil {
		return nil, err
	}
	if err := c.send(command); err != nil {
		return nil, errors.Join(err, data.Close())
	}
	return data, nil
}

// finish reads the two replies of a transfer.
func (c *session) finish() error {
	if err := c.expect('1'); err != nil {
		return err
	}
	return c.expect('2')
}

// get downloads and discards. The buffer is for what must be decrypted.
func (c *session) get(command string, buffer []byte) (n int64, err error) {
	data, err := c.transfer(command)
	if err != nil {
		return 0, err
	}
	if c.tls == nil {
		n, err = data.discard()
	} else {
		n, err = drain(tls.Client(data, c.tls), buffer, nil)
	}
	return n, c.done(data, err)
}

// done closes the data connection and reads the replies, which say more than a
// broken connection does.
func (c *session) done(data *socket, err error) error {
	closeErr := data.Close()
	if replyErr := c.finish(); replyErr != nil {
		return errors.Join(replyErr, err)
	}
	return errors.Join(err, closeErr)
}

// drain reads to the end and shows each block to each, if there is one. Some
// servers end TLS without saying so.
func drain(r io.Reader, buffer []byte, each func([]byte)) (total int64, err error) {
	for {
		n, err := r.Read(buffer)
		total += int64(n)
		if each != nil {
			each(buffer[:n])
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// put uploads n bytes of a file, or of the buffer again and again under TLS.
func (c *session) put(command string, f *os.File, n int64, buffer []byte) error {
	data, err := c.transfer(command)
	if err != nil {
		return err
	}
	if c.tls == nil {
		_, err = data.sendFile(f, n)
	} else {
		err = pour(tls.Client(data, c.tls), data, n, buffer)
	}
	return c.done(data, err)
}

// pour ends as TLS asks for, and reads what the server may have sent meanwhile
// (tickets): a close with unread bytes would be a reset.
func pour(conn *tls.Conn, under *socket, n int64, buffer []byte) error {
	for left := n; left > 0; {
		sent, err := conn.Write(buffer[:min(left, int64(len(buffer)))])
		if err != nil {
			return err
		}
		left -= int64(sent)
	}
	if err := errors.Join(conn.CloseWrite(), under.closeWrite()); err != nil {
		return err
	}
	_, err := under.discard()
	return err
}

// store uploads a small block.
func (c *session) store(command string, block []byte) error {
	data, err := c.transfer(command)
	if err != nil {
		return err
	}
	_, err = data.Write(block)
	return c.done(data, err)
}
