package config

import "testing"

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "1000": 1000, "1024": 1024, "5B": 5, "64MiB": 64 << 20, "10 GiB": 10 << 30, "3TiB": 3 << 40, "7KiB": 7 << 10,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
		var again Size
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != want {
			t.Errorf("%q shows as %q, which is %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "GiB", "1MB", "-1", "1.5GiB", "1iB", "1 GiB ", "9999999TiB", "1KiBKiB"} {
		var got Size
		wantError(t, got.UnmarshalText([]byte(text)), "is not a size")
	}
}

func TestUmasks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint32{"027": 0o27, "0": 0, "0077": 0o77, "777": 0o777} {
		var got Umask
		if err := got.UnmarshalText([]byte(text)); err != nil {
			t.Error(err)
		}
		if mode, set := got.Mode(); !set || uint32(mode) != want {
			t.Errorf("%q is %o, %v, want %o", text, mode, set, want)
		}
	}
	if _, set := Umask("").Mode(); set {
		t.Error("an empty umask is set")
	}
	for _, text := range []string{"8", "1000", "-1", "rwx", "0o27"} {
		var got Umask
		wantError(t, got.UnmarshalText([]byte(text)), "is not a umask")
	}
}

// What Load reports while it decodes, Validate finds in a Config made in code,
// where an empty word is the default.
func TestValidateChecksPlacesMadeInCode(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Users = []User{{Name: "a", Password: "x", Account: Account{Home: "/a"}}}
	if err := c.Validate(); err != nil {
		t.Errorf("the zero Place: %v", err)
	}
	for want, place := range map[string]Place{
		`users[0].storage: unknown value "disk"`:    {Storage: "disk"},
		`users[0].uploads: unknown value "never"`:   {Uploads: "never"},
		`users[0].symlinks: unknown value "always"`: {Symlinks: "always"},
		`users[0].umask: "9" is not a umask`:        {Umask: "9"},
	} {
		c.Users[0].Place = place
		wantError(t, c.Validate(), want)
	}
}
