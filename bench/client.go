//go:build linux

package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// ioLimit bounds each session: a server that hangs is an error, not a hang.
const ioLimit = 5 * time.Minute

// client is as little of an FTP client as a measurement needs: it shares the
// machine with the server and must not be what is measured.
type client struct {
	conn    net.Conn
	replies *bufio.Reader
	host    string
	local   string      // the address that it connects from
	tls     *tls.Config // of control and data connections; nil: in clear
	line    []byte
}

// localHost is where clients connect from if it does not matter.
const localHost = "127.0.0.1"

// dial connects and reads the greeting.
func dial(address string) (*client, error) { return dialFrom(localHost, address) }

func dialFrom(local, address string) (*client, error) {
	conn, err := connectFrom(local, address)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address)
	c := &client{conn: conn, replies: bufio.NewReaderSize(conn, 512), host: host, local: local}
	if err := c.expect("220"); err != nil {
		return nil, errors.Join(fmt.Errorf("greeting: %w", err), conn.Close())
	}
	return c, nil
}

func connect(address string) (net.Conn, error) { return connectFrom(localHost, address) }

func connectFrom(local, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second, KeepAlive: -1, LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}}
	dialer.SetMultipathTCP(false)
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(ioLimit))
}

func (c *client) close() error { return c.conn.Close() }

func (c *client) login(user, password string) error {
	for _, step := range []struct{ line, code string }{
		{"USER " + user, "331"}, {"PASS " + password, "230"}, {"TYPE I", "200"},
	} {
		if err := c.command(step.line, step.code); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) command(line, code string) error {
	if err := c.send(line); err != nil {
		return err
	}
	return c.expect(code)
}

func (c *client) send(line string) error {
	c.line = append(append(c.line[:0], line...), '\r', '\n')
	_, err := c.conn.Write(c.line)
	return err
}

// expect reads replies of one line.
func (c *client) expect(code string) error {
	line, err := c.reply()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, code+" ") {
		return fmt.Errorf("reply %q, want %s", line, code)
	}
	return nil
}

// reply returns the last line of a reply.
func (c *client) reply() (string, error) {
	for {
		line, err := c.replies.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		if len(line) >= 4 && line[3] == ' ' {
			return strings.TrimRight(string(line), "\r\n"), nil
		}
	}
}

// encrypt starts TLS for commands and data (RFC 4217). Data connections resume
// the session that the control connection brings.
func (c *client) encrypt() error {
	if err := c.command("AUTH TLS", "234"); err != nil {
		return err
	}
	c.tls = clientTLS(c.host)
	c.conn = tls.Client(c.conn, c.tls)
	c.replies.Reset(c.conn)
	return errors.Join(c.command("PBSZ 0", "200"), c.command("PROT P", "200"))
}

func clientTLS(host string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, // the server has made its certificate at its start
		ServerName:         host,
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
		CurvePreferences:   []tls.CurveID{tls.X25519}, // as curl and lftp with the libraries of Debian 12
	}
}

// epsv asks for a passive port and returns its address.
func (c *client) epsv() (string, error) {
	if err := c.send("EPSV"); err != nil {
		return "", err
	}
	line, err := c.reply()
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(line, "(|||")
	port, _, _ := strings.Cut(rest, "|")
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || !strings.HasPrefix(line, "229 ") {
		return "", fmt.Errorf("reply %q, want 229 with a port", line)
	}
	return net.JoinHostPort(c.host, port), nil
}

// retr starts a download over an extended passive data connection.
func (c *client) retr(file string) (net.Conn, error) {
	address, err := c.epsv()
	if err != nil {
		return nil, err
	}
	return c.transfer(address, "RETR "+file)
}

// transfer opens the data connection and sends the command that uses it.
func (c *client) transfer(address, command string) (net.Conn, error) {
	data, err := connectFrom(c.local, address)
	if err != nil {
		return nil, err
	}
	if err := c.send(command); err != nil {
		return nil, errors.Join(err, data.Close())
	}
	if c.tls != nil {
		return tls.Client(data, c.tls), nil
	}
	return data, nil
}

// drain reads a data connection to its end in the given buffer.
func drain(data net.Conn, buffer []byte) (int64, error) {
	return drainEach(data, buffer, func([]byte) {})
}

// drainEach also shows what comes.
func drainEach(data net.Conn, buffer []byte, show func([]byte)) (int64, error) {
	var total int64
	for {
		n, err := data.Read(buffer)
		show(buffer[:n])
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
