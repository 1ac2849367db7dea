// Package sqlusers finds users in an SQL database by queries that are settings,
// so that tables made for other FTP servers serve as they are.
//
//	db, err := sql.Open("pgx", "postgres://portico@localhost/ftp")
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer db.Close()
//	db.SetMaxOpenConns(10)
//	query, err := sqlusers.ParseQuery(sqlusers.Postgres, "SELECT * FROM users WHERE userid = $1")
//	if err != nil {
//		log.Fatal(err)
//	}
//	users, err := driver.NewUsers(nil, driver.UsersOptions{
//		Sources: []driver.Source{sqlusers.New(db, sqlusers.Options{UserQuery: query})},
//	})
//
// This package links no database driver: the program chooses by importing one.
//
// # Model
//
// The user query returns one row for a user. Its columns are known by their
// names, in any case and order, and other columns count for nothing:
//
//	name         also userid, user, username, login; required
//	password     also passwd, password_hash: a hash, see driver.CheckHash
//	certificate  as in driver.User.CertificateName
//	home         also homedir, dir: an absolute path; a percent sign is one
//	permissions  names with commas between them
//	groups       the same; names of groups that there are not count for nothing
//	quota_bytes, quota_files (also quotafiles), quotasize (MiB)
//	upload_rate, download_rate (bytes per second), ulbandwidth, dlbandwidth (KiB per second)
//	max_sessions, max_transfers
//	disabled; enabled, also active, status
//	expires      a day, which is the last one, or a time
//	networks     also ipaccess: addresses and networks with commas between them, or *
//	hours        as in driver.Hours
//	require_tls
//
// NULL, an empty text and the number 0 mean that the user's groups settle it;
// but NULL in enabled is no, and permissions that are empty are an error, as is
// every value that is not understood: such a user cannot log in. Times without a
// time zone go by the clock of this process.
//
// The name is always a bound parameter; no text of a client's becomes SQL.
//
// # What it does not do
//
// It writes nothing to the database, and remembers nothing of it. How many
// connections there are, and how long they live, is up to the sql.DB.
package sqlusers
