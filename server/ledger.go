package server

import (
	"net/netip"
	"sync"
)

// ledger knows which sessions have which TLS tickets, and so which sessions
// may share a passive port: those whose clients certainly do not show each
// other's tickets.
//
// A client program may keep the tickets of all its sessions in one place and
// show the newest of them anywhere. Two of its sessions that shared a port
// could then be handed each other's data connections, and neither end would
// notice. So sharing needs proof. Such a program, once it has a ticket of
// session B in hand, shows no older ticket on a connection of session A, nor
// none. If A does, on a connection that was begun after that, the two are apart.
//
// A client that shows another session's ticket never shares. One of another
// server's making, of a replica's for instance, says that the client's program
// keeps tickets of several servers in one place: it is not proof that the session
// has shown none.
type ledger struct {
	mu     sync.Mutex
	serial uint64 // of the last ticket
	clock  uint64 // counts what must be known in its order
	groups map[netip.Prefix]map[uint64]*ticketHolder
	byID   map[uint64]*ticketHolder
}

// ticketHolder is a session that has tickets.
type ticketHolder struct {
	id     uint64
	peers  netip.Prefix // the sessions that it may meet on a port have the same
	issued uint64       // serial of its newest ticket

	inHand   uint64 // serial of the newest that its client certainly has
	inHandAt uint64 // since when, by the ledger's clock

	begun uint64 // when its last connection was begun, by the ledger's clock
	mixes bool   // its client shows tickets of several sessions
	apart map[uint64]struct{}
}

func newLedger() ledger {
	return ledger{groups: make(map[netip.Prefix]map[uint64]*ticketHolder), byID: make(map[uint64]*ticketHolder)}
}

// enter makes a session known whose control connection is about to be
// encrypted.
func (l *ledger) enter(id uint64, peers netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID[id] != nil {
		return
	}
	l.clock++
	h := &ticketHolder{id: id, peers: peers, begun: l.clock, apart: make(map[uint64]struct{})}
	l.byID[id] = h
	if l.groups[peers] == nil {
		l.groups[peers] = make(map[uint64]*ticketHolder)
	}
	l.groups[peers][id] = h
}

// leave forgets a session.
func (l *ledger) leave(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.byID[id]
	if h == nil {
		return
	}
	delete(l.byID, id)
	group := l.groups[h.peers]
	delete(group, id)
	if len(group) == 0 {
		delete(l.groups, h.peers)
	}
	for other := range h.apart {
		if o := l.byID[other]; o != nil {
			delete(o.apart, id)
		}
	}
}

// issue returns the serial of a new ticket for the session.
func (l *ledger) issue(id uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serial++
	if h := l.byID[id]; h != nil {
		h.issued = l.serial
	}
	return l.serial
}

// inHand notes that the session's client certainly has the tickets that it was
// sent.
func (l *ledger) inHand(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.byID[id]
	if h == nil || h.inHand == h.issued {
		return
	}
	l.clock++
	h.inHand, h.inHandAt = h.issued, l.clock
}

// begin notes that the session's client is about to be told of a data
// connection.
func (l *ledger) begin(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.byID[id]; h != nil {
		l.clock++
		h.begun = l.clock
	}
}

// shown notes what the session's last handshake has shown.
func (l *ledger) shown(id uint64, handshake tlsHandshake) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.byID[id]
	if h == nil || handshake.foreign {
		return
	}
	if handshake.owner != 0 && handshake.owner != id {
		l.mixLocked(h, handshake.owner)
		return
	}
	for other, o := range l.groups[h.peers] {
		if other != id && o.inHand > handshake.serial && o.inHandAt < h.begun {
			h.apart[other] = struct{}{}
			o.apart[id] = struct{}{}
		}
	}
}

// mixLocked keeps clients that show others' tickets to ports of their own.
func (l *ledger) mixLocked(h *ticketHolder, owner uint64) {
	h.mixes = true
	if o := l.byID[owner]; o != nil {
		o.mixes = true
	}
}

// mixes says whether the session's client shows tickets of several sessions.
func (l *ledger) mixes(id uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.byID[id]
	return h == nil || h.mixes
}

// areApart says whether it is certain that neither client shows the other's
// tickets.
func (l *ledger) areApart(a, b uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, o := l.byID[a], l.byID[b]
	if h == nil || o == nil || h.mixes || o.mixes {
		return false
	}
	_, apart := h.apart[b]
	return apart
}
