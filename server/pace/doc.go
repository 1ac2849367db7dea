// Package pace holds things to a rate: bytes that transfers share (Link, Flow),
// commands of a session (Commands), and attempts by somebody (Attempts).
//
// All of it is token buckets that are kept as one instant: the time at which
// everything that was taken will have been earned. No goroutine and no timer
// fills them. golang.org/x/time/rate works alike, but a token that was taken
// there cannot be given back later, and a transfer of a small file gives back
// nearly all it took.
//
// Nothing here knows FTP or reads a clock, except for Flow, which waits.
package pace
