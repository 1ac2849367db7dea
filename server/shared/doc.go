// Package shared keeps what several servers have to know together in Redis: how
// many sessions an account has, who is banned, what quotas are used, and the
// keys of TLS session tickets.
//
//	state, err := shared.Open(shared.Options{URL: "redis://127.0.0.1:6379/0"})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer state.Close()
//	srv, err := server.New(server.Options{Auth: users, SharedSessions: state.Sessions()})
//
// # Model
//
// Each server is a replica with a lease: a key in Redis that holds what it
// counts and that Redis removes when the replica has not renewed it for
// Options.Lease. So the sessions of a replica that was killed end by themselves,
// and no clock but that of Redis is read.
//
// # Without Redis
//
// Redis is here or away. It is away from the first request on that fails or
// takes longer than Options.Timeout; from then on nobody waits for it, every
// server goes by what it counts itself, and one warning says so. In the
// background it is tried again. When it is back each replica joins anew and tells
// it all that it counts, and one line in the log says that. Open succeeds while
// Redis is away.
//
// # What it does not do
//
// It is no place to keep things: what Redis loses, replicas tell it again as far
// as they know it. It speaks to one Redis, not to a cluster, and does not ask
// sentinels.
package shared
