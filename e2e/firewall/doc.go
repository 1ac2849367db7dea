// Package firewall holds tests that put the built server behind real firewalls.
//
// Each test makes its own little Internet of network namespaces: a client, its
// router, the Internet, the server's router and the server, with nftables and
// the kernel's FTP helper in them. What `portico firewall` prints is loaded as
// it is printed, ordinary clients transfer files, and `portico doctor` says what
// is blocked. All addresses exist inside those namespaces only.
package firewall
