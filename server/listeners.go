package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Listen binds all of Options.Listeners, or none: an error names the address.
// Calling it again does nothing.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ErrServerClosed
	}
	if len(s.bound) > 0 {
		return nil
	}
	opts := s.current()
	var bound []*boundListener
	for _, spec := range opts.Listeners {
		b, err := bind(opts, spec)
		if err != nil {
			for _, b := range bound {
				b.Close()
			}
			return err
		}
		bound = append(bound, b)
	}
	s.bound = bound
	return nil
}

// ListenError says which of Options.Listeners could not be bound, by Listen,
// ListenAndServe or Reload.
type ListenError struct {
	// Address is that of the Listener.
	Address string
	// Err is what Options.Listen returned.
	Err error
}

// Error implements error.
func (e *ListenError) Error() string {
	return fmt.Sprintf("server: listen on %s: %v", e.Address, e.Err)
}

// Unwrap returns Err.
func (e *ListenError) Unwrap() error { return e.Err }

func bind(opts *settings, spec Listener) (*boundListener, error) {
	listener, err := opts.Listen(context.Background(), spec.Address)
	if err != nil {
		return nil, &ListenError{Address: spec.Address, Err: err}
	}
	b := &boundListener{Listener: listener}
	b.spec.Store(&spec)
	return b, nil
}

// boundListener is a control listener and what is said about it.
type boundListener struct {
	net.Listener
	spec    atomic.Pointer[Listener]
	retired atomic.Bool // Reload has closed it
}

func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // costs time, and a TCP sandbox does not see such sockets
	return config.Listen(ctx, "tcp", address)
}

// Addrs are the addresses that Listen has bound, in the order of
// Options.Listeners.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	addrs := make([]net.Addr, len(s.bound))
	for i, b := range s.bound {
		addrs[i] = b.Addr()
	}
	return addrs
}

// ListenAndServe binds Options.Listeners, if Listen has not, and serves them
// until Shutdown or Close; then it returns ErrServerClosed. Any other error
// means that a listener failed; the server is then closed.
func (s *Server) ListenAndServe() error {
	if err := s.Listen(); err != nil {
		return err
	}
	failed := make(chan error, 1)
	s.mu.Lock()
	s.serving = failed
	for _, b := range s.bound {
		go s.serveBound(b, failed)
	}
	s.mu.Unlock()
	err := <-failed
	if !errors.Is(err, ErrServerClosed) {
		s.Close()
	}
	return err
}

// serveBound tells why it ended, unless another has done so or the listener was
// closed by Reload.
func (s *Server) serveBound(b *boundListener, failed chan<- error) {
	err := s.serve(b)
	if b.retired.Load() && !errors.Is(err, ErrServerClosed) {
		return
	}
	select {
	case failed <- err:
	default:
	}
}

// Serve serves a control listener of the caller's until Shutdown or Close, and
// then returns ErrServerClosed. It closes the listener. Clients may use AUTH
// TLS if the server has a certificate.
func (s *Server) Serve(l net.Listener) error { return s.serve(ownListener(l, Listener{})) }

// ServeTLS is Serve with TLS before the greeting (implicit TLS).
func (s *Server) ServeTLS(l net.Listener) error {
	if s.current().TLS == nil {
		l.Close()
		return errors.New("server: ServeTLS needs Options.TLS")
	}
	return s.serve(ownListener(l, Listener{ImplicitTLS: true}))
}

func ownListener(l net.Listener, spec Listener) *boundListener {
	b := &boundListener{Listener: l}
	b.spec.Store(&spec)
	return b
}

func (s *Server) serve(l *boundListener) error {
	if !s.track(l) {
		l.Close()
		return ErrServerClosed
	}
	defer s.untrack(l)
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.admit(conn, *l.spec.Load())
		case s.isClosing():
			return ErrServerClosed
		case isTemporary(err):
			// No file descriptor is left, most likely. The connection stays
			// queued in the kernel, so trying again at once would spin.
			s.log.Error("accept", zap.Stringer("address", l.Addr()), zap.Error(err))
			time.Sleep(10 * time.Millisecond)
		default:
			return fmt.Errorf("server: accept on %v: %w", l.Addr(), err)
		}
	}
}

func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func (s *Server) track(l *boundListener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.listeners[l] = struct{}{}
	s.accepts.Add(1)
	return true
}

func (s *Server) untrack(l *boundListener) {
	l.Close()
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
	s.accepts.Done()
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// listenerChange is what a Reload does to the listeners of Listen.
type listenerChange struct {
	bound   []*boundListener // all that are to be
	specs   []Listener       // theirs
	fresh   []*boundListener // those of them that are new
	retired []*boundListener
}

// planListeners binds what is new. An address that is bound already stays.
func (s *Server) planListeners(next *settings) (listenerChange, error) {
	s.mu.Lock()
	before := s.bound
	s.mu.Unlock()
	change := listenerChange{specs: next.Listeners}
	if before == nil {
		return change, nil // Listen has not been called, and will bind these
	}
	kept := make(map[*boundListener]bool)
	for _, spec := range next.Listeners {
		b := findListener(before, kept, spec.Address)
		if b == nil {
			var err error
			if b, err = bind(next, spec); err != nil {
				change.giveUp()
				return listenerChange{}, err
			}
			change.fresh = append(change.fresh, b)
		}
		kept[b] = true
		change.bound = append(change.bound, b)
	}
	for _, b := range before {
		if !kept[b] {
			change.retired = append(change.retired, b)
		}
	}
	return change, nil
}

// findListener returns the listener of an address that is not kept yet.
func findListener(bound []*boundListener, kept map[*boundListener]bool, address string) *boundListener {
	for _, b := range bound {
		if !kept[b] && b.spec.Load().Address == address {
			return b
		}
	}
	return nil
}

// giveUp closes what was bound in vain.
func (c listenerChange) giveUp() {
	for _, b := range c.fresh {
		b.Close()
	}
}

func (s *Server) adoptListenersLocked(c listenerChange) {
	for i, b := range c.bound {
		b.spec.Store(&c.specs[i])
	}
	for _, b := range c.retired {
		b.retired.Store(true)
		b.Close()
	}
	s.bound = c.bound
	if s.serving == nil {
		return
	}
	for _, b := range c.fresh {
		go s.serveBound(b, s.serving)
	}
}
