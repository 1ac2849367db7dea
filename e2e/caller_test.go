//go:build unix

package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strconv"
	"time"
)

// caller is a client that costs little and reports errors, so that many can run
// beside each other. One goroutine uses it.
type caller struct {
	*textproto.Conn
	conn    net.Conn
	dialer  *net.Dialer
	host    string
	tls     *tls.Config // nil: in clear
	pasv    bool        // PASV instead of EPSV
	port    int         // of the last data connection
	resumed int         // data connections that resumed a TLS session
}

// call connects from an address and logs in.
func call(address string, from netip.Addr, settings *tls.Config) (*caller, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	c := &caller{dialer: rawDialer(from), host: host, tls: settings}
	if c.conn, err = c.dial(address); err != nil {
		return nil, err
	}
	c.Conn = textproto.NewConn(c.conn)
	if err := c.logIn(); err != nil {
		return nil, errors.Join(err, c.conn.Close())
	}
	return c, nil
}

func (c *caller) dial(address string) (net.Conn, error) {
	conn, err := c.dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(rawTimeout))
}

func (c *caller) logIn() error {
	if _, _, err := c.ReadResponse(220); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if c.tls != nil {
		if _, err := c.say(234, "AUTH TLS"); err != nil {
			return err
		}
		c.conn = tls.Client(c.conn, c.tls)
		c.Conn = textproto.NewConn(c.conn)
	}
	if _, err := c.say(331, "USER %s", crowdName); err != nil {
		return err
	}
	if _, err := c.say(230, "PASS crowd@example.org"); err != nil {
		return err
	}
	if c.tls != nil {
		if _, err := c.say(200, "PBSZ 0"); err != nil {
			return err
		}
		if _, err := c.say(200, "PROT P"); err != nil {
			return err
		}
	}
	_, err := c.say(200, "TYPE I")
	return err
}

// say sends a command and wants a reply of this code.
func (c *caller) say(code int, format string, args ...any) (string, error) {
	_ = c.conn.SetDeadline(time.Now().Add(rawTimeout))
	if err := c.PrintfLine(format, args...); err != nil {
		return "", err
	}
	_, text, err := c.ReadResponse(code)
	if err != nil {
		return "", fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	}
	return text, nil
}

// passive asks for a passive port.
func (c *caller) passive() error {
	verb, code := "EPSV", 229
	if c.pasv {
		verb, code = "PASV", 227
	}
	text, err := c.say(code, "%s", verb)
	if err != nil {
		return err
	}
	named := passivePorts(fmt.Sprintf("%d %s", code, text))
	if len(named) != 1 {
		return fmt.Errorf("%s names no port: %s", verb, text)
	}
	c.port = named[0]
	return nil
}

// begin opens a data connection and starts a transfer.
func (c *caller) begin(format string, args ...any) (net.Conn, error) {
	if err := c.passive(); err != nil {
		return nil, err
	}
	conn, err := c.dial(net.JoinHostPort(c.host, strconv.Itoa(c.port)))
	if err != nil {
		return nil, err
	}
	if _, err := c.say(150, format, args...); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if c.tls != nil {
		conn = tls.Client(conn, c.tls)
	}
	return conn, nil
}

// end closes the data connection and wants to hear that the transfer is complete.
func (c *caller) end(conn net.Conn) error {
	if secure, isTLS := conn.(*tls.Conn); isTLS && secure.ConnectionState().DidResume {
		c.resumed++
	}
	if err := conn.Close(); err != nil {
		return err
	}
	_, _, err := c.ReadResponse(226)
	return err
}

func (c *caller) put(name string, content []byte) error {
	conn, err := c.begin("STOR %s", name)
	if err != nil {
		return err
	}
	if _, err := conn.Write(content); err != nil {
		return errors.Join(err, conn.Close())
	}
	return c.end(conn)
}

func (c *caller) get(name string) ([]byte, error) {
	conn, err := c.begin("RETR %s", name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return content, c.end(conn)
}

func (c *caller) quit() error {
	_, err := c.say(221, "QUIT")
	return errors.Join(err, c.conn.Close())
}
