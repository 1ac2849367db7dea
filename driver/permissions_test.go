package driver_test

import (
	"strings"
	"testing"

	"github.com/portico-ftp/portico/driver"
)

func TestPermissionsText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want driver.Permissions
		back string
	}{
		{"", 0, "none"},
		{"none", 0, "none"},
		{"list", driver.CanList, "list"},
		{"read,list", driver.ReadOnly, "list, read"},
		{" write , write ", driver.CanWrite, "write"},
		{"write, overwrite", driver.CanWrite | driver.CanOverwrite, "write, overwrite"},
		{"list, read, write, delete, rename, mkdir, overwrite, chmod", driver.AllPermissions, "list, read, write, delete, rename, mkdir, overwrite, chmod"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			var got driver.Permissions
			if err := got.UnmarshalText([]byte(tt.text)); err != nil || got != tt.want {
				t.Fatalf("UnmarshalText(%q) = %v, %v; want %v", tt.text, got, err, tt.want)
			}
			back, err := got.MarshalText()
			if err != nil || string(back) != tt.back {
				t.Errorf("MarshalText() = %q, %v; want %q", back, err, tt.back)
			}
		})
	}
}

func TestUnknownPermissionsAreErrorsThatNameTheKnown(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"execute", "list,,read", "List", "list read", "all", "none,list"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got := driver.CanMkdir
			err := got.UnmarshalText([]byte(text))
			if err == nil || !strings.Contains(err.Error(), "list, read, write, delete, rename, mkdir, overwrite, chmod") {
				t.Errorf("UnmarshalText(%q) = %v, want an error that names the permissions", text, err)
			}
			if got != driver.CanMkdir {
				t.Errorf("UnmarshalText(%q) changed the value to %v", text, got)
			}
		})
	}
}
