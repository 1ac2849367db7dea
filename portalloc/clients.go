package portalloc

import "net/netip"

// clientCounts counts what each client address has, for Options.MaxPerAddress,
// which may come at any time.
type clientCounts map[netip.Prefix]int

func (c clientCounts) add(client netip.Addr) { c[siteOf(client)]++ }

func (c clientCounts) remove(client netip.Addr) {
	site := siteOf(client)
	if c[site]--; c[site] == 0 {
		delete(c, site)
	}
}

func (c clientCounts) of(client netip.Addr) int { return c[siteOf(client)] }

// siteOf is whom a limit per address counts together. Whoever has an IPv6
// address has the 2^64 of its network.
func siteOf(client netip.Addr) netip.Prefix {
	bits := 64
	if client.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(client, bits).Masked()
}
