package ldapusers_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/ldapusers"
)

// short is a time after which a server that says nothing is given up.
const short = 200 * time.Millisecond

// raw is a server that treats each connection in its own way.
func raw(t *testing.T, serve func(net.Conn)) *directory {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &directory{url: "ldap://" + listener.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			d.connections.Add(1)
			t.Cleanup(func() { conn.Close() })
			serving.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() { listener.Close() })
	return d
}

func saysNothing(net.Conn) {}

// badServers are servers that give no answer, each in its own way.
func badServers() map[string]func(*testing.T) *directory {
	talks := func(serve func(net.Conn)) func(*testing.T) *directory {
		return func(t *testing.T) *directory { return raw(t, serve) }
	}
	answers := func(packet func(id int64) *ber.Packet) func(*testing.T) *directory {
		return func(t *testing.T) *directory {
			return newDirectory(t, staff(), func(d *directory) {
				d.answer = func(request *ber.Packet) *ber.Packet { return packet(request.Children[0].Value.(int64)) }
			})
		}
	}
	return map[string]func(*testing.T) *directory{
		"gone": func(t *testing.T) *directory {
			d := newDirectory(t, nil)
			d.listener.Close()
			return d
		},
		"hangs":          talks(saysNothing),
		"hangs up":       talks(func(conn net.Conn) { conn.Close() }),
		"a web server":   talks(func(conn net.Conn) { _, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }),
		"half an answer": talks(func(conn net.Conn) { _, _ = conn.Write([]byte{0x30, 0x0c, 0x02}) }),
		"busy":           answers(func(id int64) *ber.Packet { return result(id, ldap.ApplicationBindResponse, ldap.LDAPResultBusy) }),
		"unavailable": answers(func(id int64) *ber.Packet {
			return result(id, ldap.ApplicationBindResponse, ldap.LDAPResultUnavailable)
		}),
		"an answer of another kind": answers(func(id int64) *ber.Packet {
			return message(id, ldap.ApplicationSearchResultEntry)
		}),
		"an answer of no kind": answers(func(id int64) *ber.Packet {
			packet := ber.NewSequence("message")
			packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, "id"))
			return packet
		}),
		"an answer to nothing": answers(func(int64) *ber.Packet { return result(77, ldap.ApplicationBindResponse, 0) }),
		"an answer of 10 MiB": func(t *testing.T) *directory {
			return newDirectory(t, staff(), func(d *directory) { d.flood = true })
		},
	}
}

func TestServersThatFail(t *testing.T) {
	t.Parallel()
	for name, bad := range badServers() {
		for mode, options := range map[string]func(*directory) ldapusers.Options{"searched": searching, "bound": binding} {
			t.Run(name+", "+mode, func(t *testing.T) {
				t.Parallel()
				opts := options(bad(t))
				if name != "an answer of 10 MiB" {
					opts.Timeout = short
				}
				if _, err := try(t.Context(), open(t, opts), "alice", "correct"); err == nil || errors.Is(err, driver.ErrDenied) {
					t.Errorf("err = %v, want one that is no denial", err)
				}
			})
			t.Run(name+", another stands in, "+mode, func(t *testing.T) {
				t.Parallel()
				bad, good := bad(t), newDirectory(t, staff())
				opts := options(bad)
				opts.Servers = append(opts.Servers, good.url)
				opts.Timeout = 25 * short
				source := open(t, opts)
				for range 3 {
					if user, err := try(t.Context(), source, "alice", "correct"); err != nil || user.Name != "alice" {
						t.Errorf("got %+v, %v", user, err)
					}
				}
				if _, err := try(t.Context(), source, "alice", "wrong"); !errors.Is(err, driver.WrongPassword) {
					t.Errorf("with a wrong password: %v, want WrongPassword", err)
				}
				if n := bad.connections.Load(); n > 1 {
					t.Errorf("the server that fails was asked %d times, want once in a while", n)
				}
			})
		}
	}
}

// What a server says counts: another one is not asked for a better answer.
func TestAnAnswerCounts(t *testing.T) {
	t.Parallel()
	first, second := newDirectory(t, staff()), newDirectory(t, staff())
	opts := searching(first)
	opts.Servers = append(opts.Servers, second.url)
	source := open(t, opts)
	for _, pair := range [][2]string{{"alice", "wrong"}, {"eve", "x"}, {"alice", "correct"}} {
		_, _ = try(t.Context(), source, pair[0], pair[1])
	}
	opts.BindPassword = "wrong"
	if _, err := try(t.Context(), open(t, opts), "alice", "correct"); err == nil || errors.Is(err, driver.ErrDenied) {
		t.Errorf("with a wrong password of our own: %v, want an error that is no denial", err)
	}
	if n := second.connections.Load(); n != 0 {
		t.Errorf("the second server was asked %d times", n)
	}
}

func TestALockedAccountIsNoWrongPassword(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, staff(), func(d *directory) {
		d.answer = func(request *ber.Packet) *ber.Packet {
			return result(request.Children[0].Value.(int64), ldap.ApplicationBindResponse, ldap.LDAPResultUnwillingToPerform)
		}
	})
	if _, err := try(t.Context(), open(t, binding(d)), "alice", "correct"); err == nil || errors.Is(err, driver.ErrDenied) {
		t.Errorf("err = %v, want one with the reason of the directory", err)
	}
}

func TestReferralsAreNotFollowed(t *testing.T) {
	t.Parallel()
	other := newDirectory(t, staff())
	d := newDirectory(t, staff(), func(d *directory) {
		d.answer = func(request *ber.Packet) *ber.Packet {
			if request.Children[1].Tag != ldap.ApplicationSearchRequest {
				return nil
			}
			referral := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "referral")
			referral.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, other.url, "url"))
			packet := result(request.Children[0].Value.(int64), ldap.ApplicationSearchResultDone, ldap.LDAPResultReferral)
			packet.Children[1].AppendChild(referral)
			return packet
		}
	})
	if _, err := try(t.Context(), open(t, searching(d)), "alice", "correct"); err == nil || errors.Is(err, driver.ErrDenied) {
		t.Errorf("err = %v, want one that is no denial", err)
	}
	if n := other.connections.Load(); n != 0 {
		t.Errorf("the other server was asked %d times", n)
	}
}

// The directory is there again as soon as it is.
func TestADirectoryThatComesBack(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, staff())
	var away atomic.Bool
	opts := searching(d)
	opts.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if away.Load() {
			return nil, errors.New("no route to host")
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	source := open(t, opts)
	for _, isAway := range []bool{false, true, false, true, false} {
		away.Store(isAway)
		if _, err := try(t.Context(), source, "alice", "correct"); (err != nil) != isAway {
			t.Errorf("away %v: %v", isAway, err)
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, staff())
	opts := searching(d)
	opts.Connections = 3
	var running, most atomic.Int32
	opts.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		now := running.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		return &countedConn{Conn: conn, open: &running}, err
	}
	source := open(t, opts)
	var clients sync.WaitGroup
	for range 30 {
		clients.Go(func() {
			if _, err := try(t.Context(), source, "alice", "correct"); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if n := most.Load(); n > 3 {
		t.Errorf("%d connections at one time, want 3 at the most", n)
	}

	hung := raw(t, saysNothing)
	opts = searching(hung)
	opts.Connections, opts.Timeout = 1, short
	source = open(t, opts)
	for range 4 {
		clients.Go(func() {
			if _, err := try(t.Context(), source, "alice", "correct"); err == nil || errors.Is(err, driver.ErrDenied) {
				t.Errorf("err = %v, want one that is no denial", err)
			}
		})
	}
	clients.Wait()
}

// countedConn counts until it is closed.
type countedConn struct {
	net.Conn

	open   *atomic.Int32
	closed atomic.Bool
}

func (c *countedConn) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

func TestAClientThatLeavesEndsTheQuestion(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 1)
	d := raw(t, func(net.Conn) { reached <- struct{}{} })
	ctx, cancel := context.WithCancel(t.Context())
	opts := searching(d)
	opts.Timeout = time.Hour
	failed := make(chan error, 1)
	go func() {
		_, err := try(ctx, open(t, opts), "alice", "correct")
		failed <- err
	}()
	<-reached
	cancel()
	select {
	case err := <-failed:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v, want context.Canceled", err)
		}
	case <-time.After(generous):
		t.Error("the question goes on")
	}
}

// authority is a certificate of a server on 127.0.0.1, and who trusts it.
func authority(t *testing.T) (certificate tls.Certificate, trusting *tls.Config) {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	pool := x509.NewCertPool()
	pool.AddCert(web.Certificate())
	return web.TLS.Certificates[0], &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, trusting := authority(t)
	offering := &tls.Config{Certificates: []tls.Certificate{certificate}}
	offers := func(d *directory) { d.tls = offering }
	plain := func(*directory) {}
	overTLS := func(d *directory) {
		d.listener = tls.NewListener(d.listener, offering)
		d.url = strings.Replace(d.url, "ldap:", "ldaps:", 1)
	}
	tests := []struct {
		name     string
		server   func(*directory)
		startTLS bool
		client   *tls.Config
		works    bool
	}{
		{"StartTLS", offers, true, trusting, true},
		{"StartTLS, refused", plain, true, trusting, false},
		{"StartTLS, of an unknown authority", offers, true, nil, false},
		{"StartTLS, of another name", offers, true, &tls.Config{RootCAs: trusting.RootCAs, ServerName: "ldap.example.net"}, false},
		{"ldaps", overTLS, false, trusting, true},
		{"ldaps with StartTLS", overTLS, true, trusting, true},
		{"ldaps, of an unknown authority", overTLS, false, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDirectory(t, staff(), tt.server)
			opts := searching(d)
			opts.StartTLS, opts.TLS = tt.startTLS, tt.client
			source := open(t, opts)
			_, err := try(t.Context(), source, "alice", "correct")
			if tt.works != (err == nil) || errors.Is(err, driver.ErrDenied) {
				t.Errorf("err = %v, want one: %v", err, !tt.works)
			}
			if err := source.Check(t.Context()); tt.works != (err == nil) {
				t.Errorf("Check: %v", err)
			}
			if binds, _ := d.seen(); !tt.works && len(binds) > 0 {
				t.Errorf("passwords went to a server that is not verified: %v", binds)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	hung := raw(t, saysNothing)
	tests := []struct {
		name   string
		opts   func(*directory) ldapusers.Options
		adjust func(*ldapusers.Options)
		says   []string // nothing: all is well
	}{
		{"searching", searching, func(*ldapusers.Options) {}, nil},
		{"binding", binding, func(*ldapusers.Options) {}, nil},
		{"wrong password", searching, func(o *ldapusers.Options) { o.BindPassword = "x" }, []string{searcher}},
		{"wrong base", searching, func(o *ldapusers.Options) { o.Base = "ou=nowhere" }, []string{"ou=nowhere"}},
		{"wrong group base", searching, func(o *ldapusers.Options) { o.GroupBase = "ou=nobody" }, []string{"ou=nobody"}},
		{"one of two hangs", searching, func(o *ldapusers.Options) {
			o.Servers, o.Timeout = append(o.Servers, hung.url), 25*short
		}, []string{hung.url}},
		{"hangs", binding, func(o *ldapusers.Options) { o.Servers, o.Timeout = []string{hung.url}, short }, []string{hung.url}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opts := tt.opts(newDirectory(t, staff()))
			tt.adjust(&opts)
			err := open(t, opts).Check(t.Context())
			if (err == nil) != (len(tt.says) == 0) {
				t.Fatalf("err = %v", err)
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) || strings.Count(err.Error(), "\n") > 0 {
					t.Errorf("%q does not say %q, or more than that", err, part)
				}
			}
		})
	}
}

func TestAServerThatFailedIsAskedFirstAgain(t *testing.T) {
	t.Parallel()
	if got := ldapusers.OrderAfter(29 * time.Second); !slices.Equal(got, []int{1, 2, 0}) {
		t.Errorf("soon after, the order is %v, want it last", got)
	}
	if got := ldapusers.OrderAfter(30 * time.Second); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("later, the order is %v, want it first", got)
	}
}
