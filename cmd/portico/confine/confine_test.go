package confine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/portalloc"
)

// fakeSystem is a kernel of some age.
type fakeSystem struct {
	abi                                  int
	abiErr, rulesErr, privErr, filterErr error
}

func (f fakeSystem) landlockABI() (int, error)  { return f.abi, f.abiErr }
func (f fakeSystem) restrict(*rules, int) error { return f.rulesErr }
func (f fakeSystem) noNewPrivileges() error     { return f.privErr }
func (f fakeSystem) filter() error              { return f.filterErr }

func TestOlderKernelsConfineLess(t *testing.T) {
	t.Parallel()
	none := errors.New("none here")
	tests := map[string]struct {
		system       fakeSystem
		level        Level
		files, ports bool
		required     bool     // does it satisfy Required
		missing      []string // parts of what is missing, in order
	}{
		"everything":         {fakeSystem{abi: 7}, LevelFull, true, true, true, nil},
		"a later kernel":     {fakeSystem{abi: 11}, LevelFull, true, true, true, nil},
		"ABI 4":              {fakeSystem{abi: 4}, LevelPartial, true, true, true, []string{"device files: needs Landlock ABI 5 (Linux 6.10), here it is 4", "abstract Unix sockets: needs Landlock ABI 6 (Linux 6.12)"}},
		"ABI 2":              {fakeSystem{abi: 2}, LevelPartial, true, false, false, []string{"truncating", "TCP ports: needs Landlock ABI 4 (Linux 6.7)", "device", "abstract"}},
		"ABI 1":              {fakeSystem{abi: 1}, LevelPartial, false, false, false, []string{"files and TCP ports: needs Landlock ABI 2 (Linux 5.19)"}},
		"no Landlock":        {fakeSystem{abiErr: none}, LevelPartial, false, false, false, []string{"files and TCP ports: none here"}},
		"no filter":          {fakeSystem{abi: 7, filterErr: none}, LevelPartial, true, true, false, []string{"filter of system calls, and with it Multipath TCP: none here"}},
		"a rule is refused":  {fakeSystem{abi: 7, rulesErr: none}, LevelPartial, false, false, false, []string{"files and TCP ports: none here"}},
		"nothing whatsoever": {fakeSystem{abiErr: none, privErr: none, filterErr: none}, LevelNone, false, false, false, []string{"no_new_privs", "files", "filter"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := confine(test.system, Auto, Needs{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Level() != test.level || got.Files != test.files || got.Ports != test.ports {
				t.Errorf("%s: %+v", got.Level(), got)
			}
			if len(got.Missing) != len(test.missing) {
				t.Fatalf("missing: %q", got.Missing)
			}
			for i, part := range test.missing {
				if !strings.Contains(got.Missing[i], part) || !strings.Contains(got.String(), part) {
					t.Errorf("missing: %q, want %q", got.Missing[i], part)
				}
			}
			_, err = confine(test.system, Required, Needs{})
			if (err == nil) != test.required {
				t.Errorf("required: %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), test.missing[0]) {
				t.Errorf("the error does not say what is missing: %v", err)
			}
		})
	}
}

func TestNeedsMakeSense(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, needs := range map[string]Needs{
		"a relative path":       {Read: []string{"relative"}},
		"a file as a directory": {Write: []string{filepath.Join(file, "below")}},
	} {
		if _, err := confine(fakeSystem{abi: 7}, Auto, needs); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"read/deep", "write", "run", "other", "replaced"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	in := func(parts ...string) []string { return []string{filepath.Join(append([]string{root}, parts...)...)} }
	state, err := confine(fakeSystem{abi: 7}, Auto, Needs{
		Read: in("read"), Write: slices.Concat(in("write"), in("replaced")), Execute: in("run"),
		Bind: portalloc.PortList{{First: 2000, Last: 2010}}, Connect: Port(443),
	})
	if err != nil {
		t.Fatal(err)
	}
	// The kernel knows the directory, not its name.
	if err := errors.Join(os.Rename(in("replaced")[0], in("moved")[0]), os.Mkdir(in("replaced")[0], 0o755), os.Symlink(in("other")[0], in("write", "link")[0])); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		needs Needs
		want  string // "": covered
	}{
		"nothing":                       {Needs{}, ""},
		"below what is read":            {Needs{Read: in("read", "deep")}, ""},
		"reading what is written":       {Needs{Read: in("write")}, ""},
		"reading what is run":           {Needs{Read: in("run")}, ""},
		"writing what is to be made":    {Needs{Write: in("write", "new", "home")}, ""},
		"writing what is read":          {Needs{Write: in("read")}, "write " + in("read")[0]},
		"running what is read":          {Needs{Execute: in("read")}, "execute " + in("read")[0]},
		"reading beside":                {Needs{Read: in("other")}, "read " + in("other")[0]},
		"a name that begins the same":   {Needs{Write: in("writer")}, "write " + root},
		"out by a link":                 {Needs{Read: in("write", "link")}, "read " + in("other")[0]},
		"a directory that was replaced": {Needs{Write: in("replaced")}, "write " + in("replaced")[0]},
		"a file to read that is not":    {Needs{Read: in("other", "nothing")}, ""},
		"ports":                         {Needs{Bind: Port(2010), Connect: Port(443)}, ""},
		"any port":                      {Needs{Bind: Port(0)}, ""},
		"another port":                  {Needs{Bind: portalloc.PortList{{First: 2009, Last: 2011}}}, "listen on port 2011"},
		"a connection":                  {Needs{Connect: Port(25)}, "connect to port 25"},
		"connections to every port":     {Needs{AnyConnect: "active mode"}, "limits TCP connections: active mode"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := state.Covers(test.needs)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if err := (State{}).Covers(Needs{Write: []string{"/"}, Bind: Port(1)}); err != nil {
		t.Errorf("a process that is not confined: %v", err)
	}
}

func TestConnectionsThatAreNotLimitedCoverAll(t *testing.T) {
	t.Parallel()
	state, err := confine(fakeSystem{abi: 7}, Auto, Needs{AnyConnect: "why"})
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Covers(Needs{Connect: Port(25), AnyConnect: "another reason"}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(state.String(), "not limited: why") {
		t.Errorf("the state does not say so: %s", state)
	}
	older, err := confine(fakeSystem{abi: 3}, Auto, Needs{})
	if err != nil {
		t.Fatal(err)
	}
	if err := older.Covers(Needs{Bind: Port(1), Connect: Port(1)}); err != nil {
		t.Errorf("ports that the kernel does not confine: %v", err)
	}
}

func TestFollowedFile(t *testing.T) {
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	versions, live := filepath.Join(root, "versions"), filepath.Join(root, "live")
	if err := errors.Join(os.Mkdir(versions, 0o755), os.Mkdir(live, 0o755), os.WriteFile(filepath.Join(versions, "1.pem"), nil, 0o600),
		os.Symlink(filepath.Join(versions, "1.pem"), filepath.Join(live, "cert.pem"))); err != nil {
		t.Fatal(err)
	}
	if got := FollowedFile(filepath.Join(live, "cert.pem")); !slices.Contains(got, live) || !slices.Contains(got, versions) {
		t.Errorf("a link as certbot makes it: %q", got)
	}
	for file, followed := range map[string]bool{"/etc/file": false, "/file": false, "/etc/portico/file": true} {
		if got := FollowedFile(file); slices.Contains(got, filepath.Dir(file)) != followed || IsNearRoot(filepath.Dir(file)) == followed {
			t.Errorf("%s: %q", file, got)
		}
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Auto, Required, Off} {
		text, err := json.Marshal(mode)
		if err != nil {
			t.Fatal(err)
		}
		var again Mode
		if err := json.Unmarshal(text, &again); err != nil || again != mode {
			t.Errorf("%s: %v, %v", text, again, err)
		}
	}
	var mode Mode
	if err := mode.UnmarshalText([]byte("on")); err == nil || !strings.Contains(err.Error(), "auto, required or off") {
		t.Errorf("got %v", err)
	}
}
