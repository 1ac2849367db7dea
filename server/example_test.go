package server_test

import (
	"fmt"
	"log"
	"net"
	"os"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// A server for one user on four passive ports, and a client of it.
func Example() {
	home, err := os.MkdirTemp("", "portico")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(home)
	os.WriteFile(home+"/hello.txt", []byte("hello"), 0o644)

	users, err := driver.NewUsers([]driver.User{{
		Name: "guest", Anonymous: true, Home: home, Permissions: driver.ReadOnly,
	}}, driver.UsersOptions{})
	if err != nil {
		log.Fatal(err)
	}
	ports, err := portalloc.New(portalloc.Options{Ports: freePorts(4)})
	if err != nil {
		log.Fatal(err)
	}
	defer ports.Close()
	srv, err := server.New(server.Options{Auth: users, Ports: ports})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go srv.Serve(listener)
	defer srv.Close()

	client, err := ftp.Dial(listener.Addr().String(), ftp.DialWithTimeout(10*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Login("guest", "me@example.org"); err != nil {
		log.Fatal(err)
	}
	names, err := client.NameList("")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(names)
	client.Quit()
	// Output: [hello.txt]
}

func ExampleServer_Shutdown() {
	srv, err := server.New(server.Options{
		Auth:      oneUser{},
		Listeners: []server.Listener{{Address: "127.0.0.1:0"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := srv.Listen(); err != nil {
		log.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- srv.ListenAndServe() }()

	srv.Close()
	fmt.Println(<-served)
	// Output: server: closed
}

// Sessions go on as they were; new ones get the new options.
func ExampleServer_Reload() {
	options := server.Options{Auth: oneUser{}, Listeners: []server.Listener{{Address: "127.0.0.1:0"}}}
	srv, err := server.New(options)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	options.Limits.SessionsPerIP = 10
	fmt.Println(srv.Reload(options))
	options.Auth = nil
	fmt.Println(srv.Reload(options))
	// Output:
	// <nil>
	// server: Options.Auth is nil: nobody could log in
}
