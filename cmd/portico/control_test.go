package main

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/textproto"
	"testing"
	"time"

	"github.com/portico-ftp/portico/config"
)

// control is a control connection that a test drives by hand.
type control struct {
	*textproto.Conn
	tls *tls.Conn // nil: in clear
}

func (r *running) dial(t *testing.T) *control {
	t.Helper()
	conn := r.connect(t)
	c := &control{Conn: textproto.NewConn(conn)}
	c.wantGreeting(t)
	return c
}

// dialTLS starts TLS on a new connection.
func (r *running) dialTLS(t *testing.T, settings *tls.Config) *control {
	t.Helper()
	conn := r.connect(t)
	clear := &control{Conn: textproto.NewConn(conn)}
	clear.wantGreeting(t)
	clear.wantReply(t, "AUTH TLS", 234)
	settings.InsecureSkipVerify = true
	encrypted := tls.Client(conn, settings)
	if err := encrypted.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &control{Conn: textproto.NewConn(encrypted), tls: encrypted}
}

func (r *running) connect(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+r.control)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(startTimeout))
	return conn
}

func (c *control) wantGreeting(t *testing.T) {
	t.Helper()
	if _, _, err := c.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
}

// wantReply sends a command and returns the text of the reply.
func (c *control) wantReply(t *testing.T, command string, code int) string {
	t.Helper()
	if err := c.PrintfLine("%s", command); err != nil {
		t.Fatal(err)
	}
	_, text, err := c.ReadResponse(code)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return text
}

func (c *control) wantCertificate(t *testing.T, file config.Path) {
	t.Helper()
	c.wantRaw(t, readPEMFile(t, file))
}

func (c *control) wantRaw(t *testing.T, want []byte) {
	t.Helper()
	if got := c.tls.ConnectionState().PeerCertificates[0].Raw; !bytes.Equal(got, want) {
		t.Error("another certificate is shown")
	}
}
