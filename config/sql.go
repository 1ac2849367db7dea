package config

import "time"

// SQL is a database of users. It is used if DSN is set.
type SQL struct {
	// Driver says which database it is.
	Driver string `mapstructure:"driver" oneof:"postgres mysql sqlite"`
	// DSN says where it is and how to log in there, in the form of its driver.
	DSN Secret `mapstructure:"dsn"`
	// UserQuery returns one row for a user. This package does not know its
	// form.
	UserQuery string `mapstructure:"user_query"`
	// GroupsQuery returns the names of a user's groups, one in each row. Empty:
	// there is none.
	GroupsQuery string `mapstructure:"groups_query"`
	// Groups are names of Config.Groups that every user of the database is in,
	// after his own.
	Groups []string `mapstructure:"groups"`
	// Timeout is how long the database may take to answer about one user.
	Timeout time.Duration `mapstructure:"timeout"`
	// Connections is the largest number of connections to it.
	Connections int `mapstructure:"connections"`
}

func defaultSQL() SQL {
	return SQL{Driver: "postgres", Timeout: 5 * time.Second, Connections: 10}
}

func (v *validation) checkSQL() {
	s := v.Auth.SQL
	v.oneOf("auth.sql.driver", s.Driver)
	switch {
	case s.DSN != "" && s.UserQuery == "":
		v.addFrom("auth.sql.dsn", "auth.sql.user_query", "is missing: write the query that returns a user, such as SELECT * FROM users WHERE userid = $1")
	case s.DSN == "":
		v.checkSQLIsUnset()
	}
	v.checkMemberships("auth.sql.groups", s.Groups)
	if s.Timeout <= 0 {
		v.add("auth.sql.timeout", "%v is no time to answer in: write it as 5s", s.Timeout)
	}
	if s.Connections < 1 {
		v.add("auth.sql.connections", "%d is too few: write 1 or more", s.Connections)
	}
}

// checkSQLIsUnset reports what looks as if somebody relied on a database: the
// variable with its password may be missing.
func (v *validation) checkSQLIsUnset() {
	s := v.Auth.SQL
	if s.UserQuery != "" || s.GroupsQuery != "" || len(s.Groups) > 0 {
		v.addFrom("auth.sql.user_query", "auth.sql.dsn", "is missing: say where the database is (%s will do), or remove the other keys of auth.sql", EnvName("auth.sql.dsn"))
	}
}
