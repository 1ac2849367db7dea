package sqlusers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Dialect is whose SQL a query is written in.
type Dialect uint8

// The dialects. Their text forms are "postgres", "mysql" and "sqlite".
const (
	// Postgres is PostgreSQL's, and that of what speaks its protocol.
	Postgres Dialect = iota
	// MySQL is MySQL's and MariaDB's.
	MySQL
	// SQLite is SQLite's.
	SQLite
)

var dialectNames = [...]string{"postgres", "mysql", "sqlite"}

// String returns the text form.
func (d Dialect) String() string {
	if int(d) < len(dialectNames) {
		return dialectNames[d]
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Dialect) UnmarshalText(text []byte) error {
	i := slices.Index(dialectNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no SQL that is known: use %s", text, strings.Join(dialectNames[:], ", "))
	}
	*d = Dialect(i)
	return nil
}

// Query is a query about one user. The zero value is none.
type Query struct {
	text  string
	names int // how often the name is to be passed
}

// ParseQuery reads a query in which the user's name stands once or more often,
// written in one of these ways:
//
//	$1    :name    ?
//	'\L'                                  as Pure-FTPd has it
//	'%U'    '%u'    '%{0}'    '%{u}'      as ProFTPD has it
//
// In the last two, the quotes give way, too: whatever the way, the name is a
// parameter of the query and never a part of its text. If a query has several
// of them, the first counts, and the rest is left to the database. What else is
// wrong with a query, the database alone can say: see Source.Check.
func ParseQuery(dialect Dialect, text string) (Query, error) {
	tokens := dialect.tokens().FindAllStringIndex(text, -1)
	for _, isName := range []func(token string) bool{isNumbered, isNamed, isQuoted, isQuestion} {
		query := Query{}
		rest := 0
		for _, at := range tokens {
			if isName(text[at[0]:at[1]]) {
				query.text += text[rest:at[0]] + dialect.placeholder()
				query.names++
				rest = at[1]
			}
		}
		if query.names > 0 {
			query.text += text[rest:]
			return query, nil
		}
	}
	return Query{}, errors.New(`has no place for the user's name: write $1, ?, :name, '\L' or '%U' where it belongs, and nothing else between those quotes`)
}

// isZero says whether there is no query.
func (q Query) isZero() bool { return q.names == 0 }

// args are the parameters of the query.
func (q Query) args(dialect Dialect, name string) []any {
	if dialect != MySQL {
		return []any{name}
	}
	args := make([]any, q.names)
	for i := range args {
		args[i] = name
	}
	return args
}

// placeholder is how a driver wants the first parameter to be written.
func (d Dialect) placeholder() string {
	switch d {
	case MySQL:
		return "?"
	case SQLite:
		return "?1"
	default:
		return "$1"
	}
}

// tokens finds what may stand for the name, and, so that nothing inside is
// taken for it, literals and comments. A cast (::) is one token, too: its type
// is no parameter.
func (d Dialect) tokens() *regexp.Regexp {
	const common = "|`[^`]*`|" + `--[^\n]*|/\*(?s:.*?)\*/|::|\$[0-9]+|:[A-Za-z_][A-Za-z_0-9]*|\?`
	const plain = `'(?:[^']|'')*'|"(?:[^"]|"")*"`
	switch d {
	case MySQL:
		return regexp.MustCompile(`'(?s:[^'\\]|\\.|'')*'|"(?s:[^"\\]|\\.|"")*"|#[^\n]*` + common)
	case SQLite:
		return regexp.MustCompile(plain + common)
	default:
		return regexp.MustCompile(`[eE]'(?s:[^'\\]|\\.|'')*'|\$\$(?s:.*?)\$\$|` + plain + common)
	}
}

func isNumbered(token string) bool { return token == "$1" }

func isNamed(token string) bool { return token == ":name" }

func isQuestion(token string) bool { return token == "?" }

func isQuoted(token string) bool {
	for _, quote := range []string{"'", `"`} {
		if inner, ok := strings.CutPrefix(token, quote); ok {
			inner = strings.TrimSuffix(inner, quote)
			return slices.Contains([]string{`\L`, "%U", "%u", "%{0}", "%{u}"}, inner)
		}
	}
	return false
}
