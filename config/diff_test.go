package config

import (
	"slices"
	"testing"
	"time"
)

func TestChanged(t *testing.T) {
	t.Parallel()
	a, b := Default(), Default()
	a.Hosts = []Host{}
	if got := Changed(a, b); got != nil {
		t.Errorf("%v differ between two defaults", got)
	}
	b.Limits.IdleTimeout = time.Second
	b.Users = []User{{Name: "alice"}}
	b.Auth.File.Path = "users.yaml"
	if got, want := Changed(a, b), []string{"users", "auth.file.path", "limits.idle_timeout"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
