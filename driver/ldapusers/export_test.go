package ldapusers

// Fill fills a name into a filter and into the name of an entry.
func Fill(filter, dn, name string) (filledFilter, filledDN string) {
	o := Options{Filter: filter, UserDN: dn}
	return o.filter(name), o.userDN(name)
}

// CanBeName says whether the directory is asked for a name.
var CanBeName = canBeName
