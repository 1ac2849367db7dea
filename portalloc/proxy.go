package portalloc

import (
	"net"
	"net/netip"
	"time"
)

// proxyHeaderTimeout is generous: a proxy sends its header at once.
const proxyHeaderTimeout = 5 * time.Second

func (a *Allocator) isProxy(addr netip.Addr) bool {
	for _, network := range a.options().Proxies {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// arrivedByProxy has the PROXY header of a connection read, off the accept
// loop.
func (a *Allocator) arrivedByProxy(p *port, conn net.Conn, peer netip.AddrPort) {
	a.mu.Lock()
	if a.closed {
		a.refuseAndUnlock(p, conn, peer, "the allocator is closed")
		return
	}
	c := a.askLocked(conn)
	a.unlock()
	go a.unproxy(p, c, peer)
}

// unproxy learns from the PROXY header who is connected.
func (a *Allocator) unproxy(p *port, c *askedConn, peer netip.AddrPort) {
	defer a.running.Done()
	c.conn.SetReadDeadline(time.Now().Add(proxyHeaderTimeout))
	client, err := a.options().Unproxy(c.conn)
	a.mu.Lock()
	a.answeredLocked(c)
	if err != nil {
		a.refuseAndUnlock(p, c.conn, peer, "no valid PROXY header from a trusted proxy")
		return
	}
	a.unlock()
	c.conn.SetReadDeadline(time.Time{})
	a.dispatch(p, client, addrPortOf(client.RemoteAddr()))
}

// askedConn is a connection from which something is being read before it goes
// to its lease. Close closes it, or it could last until the read deadline.
type askedConn struct {
	conn net.Conn
}

// askLocked registers a connection and the goroutine that will ask it; that
// one calls answeredLocked, and running.Done at its end.
func (a *Allocator) askLocked(conn net.Conn) *askedConn {
	c := &askedConn{conn}
	a.asked[c] = struct{}{}
	a.running.Add(1)
	return c
}

func (a *Allocator) answeredLocked(c *askedConn) { delete(a.asked, c) }
