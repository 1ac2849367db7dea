package ldapusers

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// longestName is more than directories take for a name.
const longestName = 255

// canBeName says whether anybody can have the name. The directory is not asked
// for others: what means something to it is escaped, and what is no text at all
// has no meaning that could be relied on.
func canBeName(name string) bool {
	return name != "" && len(name) <= longestName && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// canBePassword says whether a directory can be asked whether the password is
// right. An empty one makes a bind as nobody, and one that begins with NUL may
// be empty to a server that is written in C.
func canBePassword(password string) bool {
	return password != "" && !strings.ContainsRune(password, 0)
}

func (o Options) userDN(name string) string {
	return fill(o.UserDN, map[byte]string{'u': ldap.EscapeDN(name)})
}

func (o Options) filter(name string) string {
	return fill(o.Filter, map[byte]string{'u': ldap.EscapeFilter(name)})
}

func (o Options) groupFilter(name, dn string) string {
	return fill(o.GroupFilter, map[byte]string{'u': ldap.EscapeFilter(name), 'd': ldap.EscapeFilter(dn)})
}

// fill puts values in place of %u and the like, and a percent sign in place of
// %%. What is put in is not looked at again.
func fill(template string, values map[byte]string) string {
	var filled strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] != '%' || i+1 == len(template) {
			filled.WriteByte(template[i])
			continue
		}
		i++
		if value, known := values[template[i]]; known {
			filled.WriteString(value)
			continue
		}
		if template[i] != '%' {
			filled.WriteByte('%')
		}
		filled.WriteByte(template[i])
	}
	return filled.String()
}
