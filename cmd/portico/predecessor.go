package main

import (
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/portalloc"
)

// predecessor is the server whose place this process takes. A nil pointer is
// none. The two listen on the same sockets; on each passive port one accepts.
type predecessor struct {
	channel   *channel
	held      portalloc.PortList // which it accepts on at first
	forgotten atomic.Bool
	ended     chan struct{} // closed when the predecessor has ended
	done      chan struct{} // closed when all of it is taken over
}

// meetPredecessor hears which ports are held. Nil files: there is no predecessor.
func meetPredecessor(files *handedFiles) (*predecessor, error) {
	file := files.cut(channelName)
	if file == nil {
		return nil, nil
	}
	conn, err := unixConn(file)
	if err != nil {
		return nil, fmt.Errorf("hand-over: %w", err)
	}
	p := &predecessor{channel: newChannel(conn), ended: make(chan struct{}), done: make(chan struct{})}
	first, err := p.channel.receive()
	if err != nil {
		return nil, fmt.Errorf("hand-over: the server that is to be replaced says nothing: %w", err)
	}
	p.held = first.Held
	return p, nil
}

// suspended are the passive ports that are not to be used yet.
func (h *handedSockets) suspended() portalloc.PortList {
	if !h.hasPredecessor() {
		return nil
	}
	return h.predecessor.held
}

// hasPredecessor says whether a server before this one still uses what both have.
func (h *handedSockets) hasPredecessor() bool { return h != nil && h.predecessor.isThere() }

// failed tells why this process does not start.
func (p *predecessor) failed(err error) {
	if p == nil || err == nil {
		return
	}
	p.channel.send(message{Failed: err.Error()}) // the process ends, whether it is heard or not
	p.channel.conn.Close()
}

// replace tells the predecessor that the service is there, and takes over what it
// lets go of, piece by piece, and the rest when it ends. Stop ends that.
func (p *predecessor) replace(s *service) {
	if err := p.channel.send(message{Ready: true}); err != nil {
		s.log.Warn("the server before this one has ended before its time", zap.Error(err))
	}
	go p.follow(s)
}

func (p *predecessor) follow(s *service) {
	for {
		m, err := p.channel.receive()
		if p.forgotten.Load() {
			close(p.done)
			return
		}
		if err != nil {
			break
		}
		s.takeOver(m)
	}
	close(p.ended)
	s.takeOver(message{Gone: p.held})
	s.hooks.adopt(s.log)
	s.log.Info("the server before this one has ended")
	close(p.done)
}

// takeOver takes over what a predecessor has let go of.
func (s *service) takeOver(m message) {
	parts := s.now()
	if parts.ports != nil {
		parts.ports.Resume(m.Gone)
	}
	for name, change := range m.Quotas {
		if parts.accounts.quotas == nil {
			break
		}
		if err := parts.accounts.quotas.Adjust(name, change); err != nil {
			s.log.Error("a quota is not right any more: recount it with portico quota recount", zap.String("account", name), zap.Error(err))
		}
	}
}

// isThere says whether the predecessor still runs.
func (p *predecessor) isThere() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop forgets the predecessor, which may go on by itself. It waits until nothing
// is done on its behalf.
func (p *predecessor) stop() {
	if p != nil {
		p.forgotten.Store(true)
		p.channel.conn.Close()
		<-p.done
	}
}
