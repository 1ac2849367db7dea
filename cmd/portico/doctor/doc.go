// Package doctor looks at an FTP server from a client's side and says which of
// the ways through the firewalls are open, which are blocked, and what to do.
//
// Run makes the checks one after another and returns a Report. A session
// crosses firewalls in four ways (see Case), and each check says which of them
// it speaks about. The server may be any FTP server, also one that lies: every
// step has a time limit, every reply and listing a size limit, and what the
// server says is data, never a place to go to without looking (see
// course.mayTry).
//
// Only the large-transfer check and the long check write on the server, one
// file that they delete again, and Options.ReadOnly keeps them from it.
package doctor
