package sqlusers_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	_ "modernc.org/sqlite"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/sqlusers"
)

func ExampleNew() {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection of SQLite has a memory of its own
	if _, err := db.Exec("CREATE TABLE users (userid, password, home); INSERT INTO users VALUES ('alice', '" + hash + "', '/srv/ftp/alice')"); err != nil {
		log.Fatal(err)
	}
	query, err := sqlusers.ParseQuery(sqlusers.SQLite, "SELECT * FROM users WHERE userid = ?")
	if err != nil {
		log.Fatal(err)
	}
	source := sqlusers.New(db, sqlusers.Options{Dialect: sqlusers.SQLite, UserQuery: query})
	found, err := source.Find(context.Background(), driver.Attempt{User: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.User.Name, found.User.Home)
	// Output: alice /srv/ftp/alice
}
