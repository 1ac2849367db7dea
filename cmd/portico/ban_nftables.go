package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gaissmai/bart"

	"github.com/portico-ftp/portico/server/guard"
)

// nftablesSets are the bans as commands for nft -f, which run in one
// transaction. Nothing in them is text that somebody has chosen: they may be
// run by a user with more rights than the server. The elements end by
// themselves, so that nobody stays closed out when no further commands come.
func nftablesSets(bans []guard.Ban, now time.Time) string {
	var four, six []string
	isCovered := covered(bans)
	for _, b := range bans {
		element := b.Network.String()
		if !b.Until.IsZero() {
			element += fmt.Sprintf(" timeout %ds", int64(max(1, b.Until.Sub(now)/time.Second)))
		}
		switch {
		case isCovered(b.Network):
		case b.Network.Addr().Is4():
			four = append(four, element)
		default:
			six = append(six, element)
		}
	}
	return "add table inet portico\n" + nftablesSet("banned4", "ipv4_addr", four) + nftablesSet("banned6", "ipv6_addr", six)
}

func nftablesSet(name, kind string, elements []string) string {
	text := fmt.Sprintf("add set inet portico %s { type %s; flags interval, timeout; }\nflush set inet portico %s\n", name, kind, name)
	if len(elements) > 0 {
		text += fmt.Sprintf("add element inet portico %s {\n\t%s\n}\n", name, strings.Join(elements, ",\n\t"))
	}
	return text
}

// covered finds the networks that a wider ban closes out as well: the elements
// of a set must not overlap.
func covered(bans []guard.Ban) func(netip.Prefix) bool {
	var table bart.Lite
	for _, b := range bans {
		table.Insert(b.Network)
	}
	return func(network netip.Prefix) bool {
		for wider := range table.Supernets(network) {
			if wider != network {
				return true
			}
		}
		return false
	}
}
