package httpusers_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/httpusers"
)

func ExampleNew() {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"name": "alice", "home": "/srv/ftp/alice"}`)
	}))
	defer web.Close()
	source, err := httpusers.New(httpusers.Options{URL: web.URL})
	if err != nil {
		log.Fatal(err)
	}
	defer source.Close()
	found, err := source.Find(context.Background(), driver.Attempt{User: "alice", Password: "correct horse"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.User.Name, found.User.Home)
	// Output: alice /srv/ftp/alice
}
