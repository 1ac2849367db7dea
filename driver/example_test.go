package driver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

func Example() {
	home, err := os.MkdirTemp("", "home")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	if err := os.WriteFile(filepath.Join(home, "hello.txt"), []byte("hello\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	hash, err := driver.HashPassword("correct horse")
	if err != nil {
		log.Fatal(err)
	}

	users, err := driver.NewUsers([]driver.User{{
		Name:         "alice",
		PasswordHash: hash,
		Home:         home,
		Permissions:  driver.ReadOnly,
	}}, driver.UsersOptions{})
	if err != nil {
		log.Fatal(err)
	}
	account, err := users.Authenticate(context.Background(), driver.Attempt{User: "alice", Password: "correct horse"})
	if err != nil {
		log.Fatal(err)
	}
	files, err := driver.NewFS(account.FS).ReadDir("/")
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range files {
		fmt.Println(file.Mode(), file.Size(), file.Name())
	}
	// Output: -rw------- 6 hello.txt
}

func ExampleUsers_Authenticate_denied() {
	users, err := driver.NewUsers([]driver.User{{
		Name:        "guest",
		Anonymous:   true,
		Home:        os.TempDir(),
		Permissions: driver.ReadOnly,
	}}, driver.UsersOptions{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = users.Authenticate(context.Background(), driver.Attempt{User: "root", Password: "toor"})
	fmt.Println(errors.Is(err, driver.ErrDenied))

	account, err := users.Authenticate(context.Background(), driver.Attempt{User: "anonymous", Password: "me@example.org"})
	fmt.Println(account.Name, err)
	// Output:
	// true
	// guest <nil>
}

func ExampleParsePermissions() {
	permissions, err := driver.ParsePermissions([]string{"read", "list"})
	fmt.Println(permissions, err)
	_, err = driver.ParsePermissions([]string{"execute"})
	fmt.Println(err)
	// Output:
	// list, read <nil>
	// "execute" is not a permission: use list, read, write, delete, rename, mkdir, overwrite, chmod
}

func ExampleNewFS() {
	fs := driver.NewFS(driver.Restrict(afero.NewMemMapFs(), driver.AllPermissions))

	upload, err := fs.GetHandle("/report.txt", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0)
	if err != nil {
		log.Fatal(err)
	}
	_, err = io.WriteString(upload, "done\n")
	if err := errors.Join(err, upload.Close()); err != nil {
		log.Fatal(err)
	}
	info, err := fs.Stat("/report.txt")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Name(), info.Size())
	// Output: report.txt 5
}
