package admin_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/admin"
)

// An Admin is an http.Handler, for a web server of your own.
func ExampleNew() {
	srv, err := server.New(server.Options{Auth: anybody{afero.NewMemMapFs()}})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	control, err := admin.New(admin.Options{Server: srv})
	if err != nil {
		log.Fatal(err)
	}
	defer control.Close()
	answer := httptest.NewRecorder()
	control.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/healthz", nil))
	fmt.Println(answer.Code)
	// Output: 200
}
