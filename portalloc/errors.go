package portalloc

import "errors"

var (
	// ErrExhausted says that no port was free for the claim, now or within the
	// time that it was allowed to wait.
	ErrExhausted = errors.New("portalloc: no passive port is free for this client")
	// ErrTooMany says that the client's address has as many leases as
	// Options.MaxPerAddress allows. Waiting for a port would not help.
	ErrTooMany = errors.New("portalloc: too many leases of this client's address wait for their connections")
	// ErrClosed says that the allocator is closed.
	ErrClosed = errors.New("portalloc: the allocator is closed")
	// ErrNotConnected says that a lease ended before its connection came:
	// closed, replaced, expired or reclaimed.
	ErrNotConnected = errors.New("portalloc: the lease ended before a connection came")
	// ErrAccepted says that an earlier Accept has returned the lease's
	// connection.
	ErrAccepted = errors.New("portalloc: the lease's connection has been taken already")
	// ErrNoAddress says that there is no address to tell the client.
	ErrNoAddress = errors.New("portalloc: no address to advertise")
)
