// Package guard closes out clients that attack a server. It keeps a score for
// each address, from the security events that the server tells, and bans an
// address whose score comes over a threshold:
//
//	g, err := guard.New(guard.Options{BanFile: "/var/lib/portico/bans.json", Logger: logger})
//	if err != nil {
//		return err
//	}
//	go g.Run(ctx) // reads files again, ends bans, writes them
//	srv, err := server.New(server.Options{Auth: accounts, OnSecurity: g.Observe, Admit: g.Admit})
//
// # Scores
//
// A wrong password, an unknown user, protocol abuse and a data connection that
// belongs to somebody else each add their weight. Half of a score is gone after
// the half-life. Clients behind one address (NAT) share its score, so a
// successful login takes back what a wrong password costs, but within a
// half-life never more than the threshold: somebody who has an account cannot
// guess the passwords of others for ever.
//
// An IPv6 client has a whole /64 to choose addresses from, so that is what is
// scored and banned.
//
// # Bans
//
// The first ban is short; each further one is twice as long as the one before,
// up to a maximum. Once an address has kept quiet for that maximum after a ban,
// it starts anew. Networks of Lists.Never are neither scored nor banned.
//
// Time is monotonic inside the process. The file of bans holds times of day,
// and no ban becomes longer than it was made for by a clock that jumps.
//
// # Memory
//
// An attack may come from any number of addresses. Only MaxScores are kept:
// beyond, a low score gives way to a new one. Bans never give way; beyond
// MaxBans no new ones are made but by the operator.
//
// The package opens no sockets and does not know FTP.
package guard
