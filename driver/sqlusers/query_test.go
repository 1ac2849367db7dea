package sqlusers

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		dialect Dialect
		text    string
		want    string // empty: a fault
		names   int
	}{
		{"a number", Postgres, "SELECT * FROM users WHERE userid = $1", "SELECT * FROM users WHERE userid = $1", 1},
		{"a number for another", MySQL, "a = $1 OR b = $1", "a = ? OR b = ?", 2},
		{"a question mark", Postgres, "a = ? OR b = ?", "a = $1 OR b = $1", 2},
		{"a question mark for SQLite", SQLite, "a = ? OR b = ?", "a = ?1 OR b = ?1", 2},
		{"a word", SQLite, "a = :name", "a = ?1", 1},
		{"as Pure-FTPd", MySQL, `SELECT Password FROM ftpd WHERE User="\L" AND status="1"`, `SELECT Password FROM ftpd WHERE User=? AND status="1"`, 1},
		{"as Pure-FTPd in PostgreSQL", Postgres, `SELECT Password FROM ftpd WHERE User='\L'`, `SELECT Password FROM ftpd WHERE User=$1`, 1},
		{"as ProFTPD", MySQL, "userid='%U'", "userid=?", 1},
		{"as ProFTPD, in newer words", Postgres, "userid='%{0}' OR email='%{u}' OR x='%u'", "userid=$1 OR email=$1 OR x=$1", 3},
		{"a part of a literal is none", MySQL, `User='ftp-\L'`, "", 0},
		{"a part of a pattern is none", MySQL, "a LIKE '%Ubuntu' AND b = ?", "a LIKE '%Ubuntu' AND b = ?", 1},
		{"operators beside numbers stay", Postgres, "tags ? 'ftp' AND a = $1", "tags ? 'ftp' AND a = $1", 1},
		{"a cast is no parameter", Postgres, "a::name = $1 AND b = 1::name", "a::name = $1 AND b = 1::name", 1},
		{"a cast of the name", Postgres, "a = :name::name", "a = $1::name", 1},
		{"literals stay", Postgres, "a = 'it''s ?' AND b = ?", "a = 'it''s ?' AND b = $1", 1},
		{"literals with a backslash stay", MySQL, `a = 'it\'s ?' AND b = ?`, `a = 'it\'s ?' AND b = ?`, 1},
		{"literals that end in one stay", Postgres, `a = '\' AND b = ? AND c = '\'`, `a = '\' AND b = $1 AND c = '\'`, 1},
		{"escaped literals stay", Postgres, `a = E'\'?' AND b = ?`, `a = E'\'?' AND b = $1`, 1},
		{"dollar quotes stay", Postgres, `a = $$?$$ AND b = ?`, `a = $$?$$ AND b = $1`, 1},
		{"identifiers stay", MySQL, "`?` = ?", "`?` = ?", 1},
		{"comments stay", MySQL, "# who?\n-- a?\n/* is\n? */ a = ?", "# who?\n-- a?\n/* is\n? */ a = ?", 1},
		{"in comments is nowhere", SQLite, "-- a = ?", "", 0},
		{"a second parameter is not the name", Postgres, "a = $2", "", 0},
		{"another word is not the name", Postgres, "a = :named", "", 0},
		{"nothing", Postgres, "", "", 0},
		{"no end of a literal", Postgres, "a = '$1", "a = '$1", 1}, // which the database refuses
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseQuery(tt.dialect, tt.text)
			if (err == nil) != (tt.want != "") || got != (Query{tt.want, tt.names}) {
				t.Errorf("got %+v, %v, want %q with %d names", got, err, tt.want, tt.names)
			}
		})
	}
}

// What is passed has to be as many parameters as the driver counts.
func TestQueryPassesTheNameAsOftenAsItIsAskedFor(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[Dialect][]any{Postgres: {"x"}, SQLite: {"x"}, MySQL: {"x", "x"}} {
		query, err := ParseQuery(dialect, "? ?")
		if got := query.args(dialect, "x"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %v, %v, want %v", dialect, got, err, want)
		}
	}
}

func TestDialectText(t *testing.T) {
	t.Parallel()
	for _, want := range []Dialect{Postgres, MySQL, SQLite} {
		var got Dialect
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Errorf("%v is read as %v, %v", want, got, err)
		}
	}
	var d Dialect
	if err := d.UnmarshalText([]byte("oracle")); err == nil || !strings.Contains(err.Error(), "postgres, mysql, sqlite") {
		t.Errorf("oracle: %v", err)
	}
	if got := fmt.Sprint(Dialect(9)); got != "Dialect(9)" {
		t.Errorf("an unknown one is %s", got)
	}
}

// FuzzParseQuery holds that no text makes ParseQuery panic, and that each name
// it finds is a parameter of what it returns.
func FuzzParseQuery(f *testing.F) {
	f.Add(uint8(0), "SELECT * FROM users WHERE userid = $1 AND 'it''s' = E'\\'' -- ?")
	f.Add(uint8(1), "SELECT `a` FROM t WHERE b = '\\L' # ?\n")
	f.Fuzz(func(t *testing.T, d uint8, text string) {
		dialect := Dialect(d % 3)
		query, err := ParseQuery(dialect, text)
		if err == nil && strings.Count(query.text, dialect.placeholder()) < query.names {
			t.Errorf("%v: %q has become %+v", dialect, text, query)
		}
	})
}
