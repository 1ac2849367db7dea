package ldapusers

import "time"

// Fill fills a name into a filter and into the name of an entry.
func Fill(filter, dn, name string) (filledFilter, filledDN string) {
	o := Options{Filter: filter, UserDN: dn}
	return o.filter(name), o.userDN(name)
}

// CanBeName says whether the directory is asked for a name.
var CanBeName = canBeName

// OrderAfter is the order of three servers, some time after the first has failed.
func OrderAfter(d time.Duration) []int {
	s, now := newServers(make([]server, 3)), time.Now()
	s.note(0, true, now)
	return s.inOrder(now.Add(d))
}
