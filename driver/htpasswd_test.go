package driver_test

import (
	"strings"
	"testing"

	"github.com/portico-ftp/portico/driver"
)

func TestReadHtpasswd(t *testing.T) {
	t.Parallel()
	users, err := driver.ReadHtpasswd(strings.NewReader("# people\n\nalice:" + bcryptHash + "\r\nbob:" + sha512Hash + "\n  \ncarol:" + argonHash))
	must(t, err)
	var got []string
	for _, user := range users {
		got = append(got, user.Name+" "+user.PasswordHash)
	}
	if want := "alice " + bcryptHash + ", bob " + sha512Hash + ", carol " + argonHash; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestReadHtpasswdNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := driver.ReadHtpasswd(strings.NewReader("alice\n:" + bcryptHash + "\nbob:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00\ncarol:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\ndave:hunter2\neve:" + bcryptHash + "\n"))
	if err == nil {
		t.Fatal("nothing was wrong")
	}
	for _, want := range []string{"line 1: there is no colon", "line 2: the name is empty", `line 3: the hash of "bob" is MD5`, `line 4: the hash of "carol"`, `line 5: the hash of "dave": not a password hash`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "line 6") {
		t.Errorf("got %v", err)
	}
	if _, err := driver.ReadHtpasswd(strings.NewReader(strings.Repeat("x", 1<<17))); err == nil {
		t.Error("a line of 128 KiB was read")
	}
}
