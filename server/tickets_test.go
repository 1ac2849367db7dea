package server

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// Tickets can be read for two lives of a key, and no longer.
func TestTicketKeysRotate(t *testing.T) {
	t.Parallel()
	tickets := newTickets(&tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	start := time.Now()
	tickets.renewKeys(start)
	ticket := issueTicket(t, tickets, 7)
	for _, step := range []struct {
		age  time.Duration
		want uint64
	}{
		{0, 7},
		{ticketKeyLife - time.Second, 7},
		{ticketKeyLife, 7},
		{2*ticketKeyLife - time.Second, 7},
		{2 * ticketKeyLife, 0},
	} {
		tickets.renewKeys(start.Add(step.age))
		if got := readTicket(tickets, ticket); got != step.want {
			t.Errorf("after %v the ticket is of session %d, want %d", step.age, got, step.want)
		}
	}
	if n := len(tickets.keys); n != ticketKeys {
		t.Errorf("%d keys are kept, want %d", n, ticketKeys)
	}
}

// issueTicket returns the ticket that a handshake with session id makes.
func issueTicket(t *testing.T, tickets *tickets, id uint64) (ticket []byte) {
	t.Helper()
	config := tickets.base.Load().Clone()
	config.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) (_ []byte, err error) {
		ticket, err = tickets.wrapFor(id)(state, session)
		return ticket, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		client, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{
			InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1),
		})
		if err == nil {
			client.Read(make([]byte, 1)) // the ticket comes behind the handshake
			client.Close()
		}
	}()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := tls.Server(conn, config).Handshake(); err != nil {
		t.Fatal(err)
	}
	return ticket
}

func readTicket(tickets *tickets, ticket []byte) uint64 {
	session, err := tickets.base.Load().DecryptTicket(ticket, tls.ConnectionState{})
	if err != nil || session == nil {
		return 0
	}
	owner, _ := tickets.ticketOwner(session)
	return owner
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// A server with the same keys can read a ticket, and knows that it is another's:
// the session with the same id here has nothing to do with it.
func TestTicketsOfOtherServersProveNothing(t *testing.T) {
	t.Parallel()
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	a, b := newTickets(config), newTickets(config)
	a.renewKeys(time.Now())
	early := issueTicket(t, a, 7)
	keys := [][32]byte{{1}, {2}}
	a.setKeys(keys)
	b.setKeys(keys)
	ticket := issueTicket(t, a, 7)
	if got := readTicket(a, ticket); got != 7 {
		t.Errorf("its own server reads %d", got)
	}
	if got := readTicket(a, early); got != 7 {
		t.Errorf("a ticket of before names session %d, want 7", got)
	}
	var shown tlsHandshake
	if session := b.note(&shown, ticket, tls.ConnectionState{}); session == nil || shown.owner != 0 || !shown.foreign {
		t.Errorf("another server reads %v, %+v, want a session that is a stranger's", session, shown)
	}
	a.renewKeys(time.Now().Add(100 * ticketKeyLife))
	if got := readTicket(a, ticket); got != 7 {
		t.Errorf("a server with keys of others has made its own")
	}
	b.setKeys([][32]byte{{3}, {1}})
	b.setKeys([][32]byte{{4}, {3}})
	b.setKeys([][32]byte{{5}, {4}})
	if len(b.keys) > 2*ticketKeys {
		t.Errorf("%d keys are kept", len(b.keys))
	}
}
