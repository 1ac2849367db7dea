package config

import (
	"path/filepath"
	"strings"
	"testing"
)

const commented = `# who may come in
users:
  # the first
  - name: alice
    password: x # old
    home: /srv/alice
  - {name: bob, password: x, home: /srv/bob}
# the end
`

func edited(t *testing.T, text string, change func(*UsersText)) string {
	t.Helper()
	u, err := EditUsers([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	out, err := u.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestEditUsersKeepsWhatItDoesNotTouch(t *testing.T) {
	t.Parallel()
	add := func(u *UsersText) {
		if err := u.Add([]Setting{{"name", "123"}, {"password", "$6$a"}, {"permissions", []string{"list"}}}); err != nil {
			t.Error(err)
		}
	}
	for name, test := range map[string]struct {
		text   string
		change func(*UsersText)
		want   string
	}{
		"nothing":       {commented, func(*UsersText) {}, commented},
		"add":           {commented, add, strings.Replace(commented, "# the end", "  - name: \"123\"\n    password: $6$a\n    permissions: [list]\n# the end", 1)},
		"add the first": {"", add, "users:\n  - name: \"123\"\n    password: $6$a\n    permissions: [list]\n"},
		"add to null":   {"users:\n", add, "users:\n  - name: \"123\"\n    password: $6$a\n    permissions: [list]\n"},
		"add to empty":  {"users: []\n", add, "users:\n  - name: \"123\"\n    password: $6$a\n    permissions: [list]\n"},
		"set": {commented, func(u *UsersText) {
			if found, err := u.Set("alice", Setting{"password", "new"}); !found || err != nil {
				t.Error(found, err)
			}
		}, strings.Replace(commented, "password: x # old", "password: new # old", 1)},
		"remove": {commented, func(u *UsersText) {
			if !u.Remove("bob") || u.Remove("carol") || u.Has("bob") || !u.Has("alice") {
				t.Error("bob alone was to be removed")
			}
		}, strings.Replace(commented, "  - {name: bob, password: x, home: /srv/bob}\n", "", 1)},
	} {
		if got := edited(t, test.text, test.change); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

func TestEditUsersRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"- a\n", "users: alice\n", "users: [", "\t"} {
		if _, err := EditUsers([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestLoadUsers(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Groups = []Group{{Name: "staff", Account: Account{Home: "/srv/%u"}}}
	file := writeFile(t, "users.yaml", "users:\n  - {name: a, password: x, groups: [staff]}\n  - {name: b, password: x, home: b}\n")
	users, err := c.LoadUsers(file)
	if err != nil || len(users) != 2 || users[1].Home != Path(filepath.Join(filepath.Dir(file), "b")) {
		t.Errorf("got %+v, %v", users, err)
	}
	for text, want := range map[string]string{
		"users: [{name: a, password: x}]\nlimits: {}\n":                   "limits: unknown key",
		"users: [{name: a, password: x, groups: [nobody], home: /a}]":     `users[0].groups[0]: there is no group "nobody"`,
		"users: [{name: a, home: /a}, {name: a, password: x, home: /a}]":  `users[1].name: "a" is also`,
		"users: [{name: a, password: x, home: /a, certificate: a@b.org}]": "users[0].certificate: needs tls.client_ca",
		"users: [{name: a, passw":                                         "is not valid YAML",
	} {
		file := writeFile(t, "users.yaml", text)
		_, err := c.LoadUsers(file)
		wantError(t, err, file+": "+want)
		_, err = c.ParseUsers([]byte(text), file)
		wantError(t, err, want)
	}
	_, err = c.LoadUsers(filepath.Join(t.TempDir(), "none.yaml"))
	wantError(t, err, "there is no such file")
}
