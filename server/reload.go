package server

// Reload puts new options into force, and disconnects nobody. New listeners are
// bound first; on an error nothing has changed. Listeners that are not named any
// more are closed, and their sessions go on. Sessions keep the options with which
// they began, but that a login asks the new Auth, and the new certificates,
// advertised addresses, Admit and bandwidth in all count at once.
//
// Options.Ports may be another allocator; the old one must stay open until the
// sessions that use it have ended. Options.Logger stays that of New. What the old
// options refer to may be called for as long as a session of theirs lives.
//
// A listener whose address overlaps with another's that is to be closed cannot be
// bound. After Shutdown or Close it returns ErrServerClosed.
func (s *Server) Reload(opts Options) error {
	reload, err := s.PrepareReload(opts)
	if err != nil {
		return err
	}
	return reload.Commit()
}

// PreparedReload is a Reload of which everything has been done that may fail, for
// those who have more to change than the server. Either Commit or Abort ends it;
// until then other reloads wait. It is not safe for concurrent use.
type PreparedReload struct {
	server *Server
	next   *settings
	change listenerChange
}

// PrepareReload checks the options and binds the new listeners.
func (s *Server) PrepareReload(opts Options) (*PreparedReload, error) {
	s.reloading.Lock()
	next, err := newSettings(opts, s.current())
	if err != nil {
		s.reloading.Unlock()
		return nil, err
	}
	change, err := s.planListeners(next)
	if err != nil {
		s.reloading.Unlock()
		return nil, err
	}
	return &PreparedReload{server: s, next: next, change: change}, nil
}

// Commit does what Reload says. It fails only with ErrServerClosed.
func (r *PreparedReload) Commit() error {
	s, next := r.server, r.next
	defer s.reloading.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		r.change.giveUp()
		return ErrServerClosed
	}
	bandwidth := next.Limits.Bandwidth
	next.links.setRates(bandwidth.Upload, bandwidth.Download)
	s.accounts.setDefaults(next.Limits)
	s.tls.use(next.TLS)
	s.inForce.Store(next)
	s.adoptListenersLocked(r.change)
	return nil
}

// Abort leaves everything as it was.
func (r *PreparedReload) Abort() {
	r.change.giveUp()
	r.server.reloading.Unlock()
}
