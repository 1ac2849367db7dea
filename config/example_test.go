package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestExampleLoadsToTheDefaults(t *testing.T) {
	t.Parallel()
	want := Default()
	c := mustLoad(t, LoadOptions{File: writeFile(t, "portico.yaml", Example())})
	for i := range c.Listeners {
		if len(c.Listeners[i].ProxyProtocol) == 0 {
			c.Listeners[i].ProxyProtocol = nil // written as [] to show the key
		}
	}
	for _, k := range settings() {
		got, want := valueAt(reflect.ValueOf(c).Elem(), k.path), valueAt(reflect.ValueOf(want).Elem(), k.path)
		bothEmpty := got.Kind() == reflect.Slice && got.Len() == 0 && want.Len() == 0
		if !bothEmpty && !reflect.DeepEqual(got.Interface(), want.Interface()) {
			t.Errorf("%s is %#v in the example, want %#v", k.path, got, want)
		}
	}
}

func TestExampleHasEveryKeyOnce(t *testing.T) {
	t.Parallel()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(Example()), &document); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, "", document.Content[0], reflect.TypeFor[Config]())
}

func wantKeys(t *testing.T, path string, node *yaml.Node, typ reflect.Type) {
	t.Helper()
	var got []string
	for i := 0; i < len(node.Content); i += 2 {
		got = append(got, node.Content[i].Value)
	}
	keys := keysOf(typ, path)
	if want := names(keys); !slices.Equal(got, want) {
		t.Errorf("the example has the keys %v under %q, want %v", got, path, want)
		return
	}
	for i, k := range keys {
		if k.isSection() {
			wantKeys(t, k.path, node.Content[2*i+1], k.typ)
		}
	}
}

func TestExampleOfUsersLoads(t *testing.T) {
	t.Parallel()
	c := mustLoadSample(t, "# The accounts:\n", "users:")
	if len(c.Users) != 2 || !c.Users[1].Anonymous || c.Users[0].Name != "alice" || len(c.Users[0].Permissions) != 8 || len(c.Users[0].Mounts) != 2 || len(c.Users[0].RefusedCommands) != 3 {
		t.Errorf("got %+v", c.Users)
	}
}

func TestExampleOfGroupsLoads(t *testing.T) {
	t.Parallel()
	c := mustLoadSample(t, "mounts and refused commands add up.\n", "groups:")
	if len(c.Groups) != 1 || c.Groups[0].Name != "staff" || !c.Groups[0].CreateHome {
		t.Errorf("got %+v", c.Groups)
	}
}

func TestExampleOfHostsLoads(t *testing.T) {
	t.Parallel()
	c := mustLoadSample(t, "# it has from the server:\n", "tls: {self_signed: true}\nhosts:")
	if len(c.Hosts) != 1 || c.Hosts[0].Name != "ftp.example.com" || c.Hosts[0].ClientCA == "" || len(c.Hosts[0].Users) != 1 {
		t.Errorf("got %+v", c.Hosts)
	}
}

// mustLoadSample loads the items of a list that the example shows in a comment:
// what stands between the title and the key. Head comes before them in the file.
func mustLoadSample(t *testing.T, title, head string) *Config {
	t.Helper()
	key := head[strings.LastIndex(head, "\n")+1:]
	_, rest, found := strings.Cut(Example(), title)
	sample, _, ended := strings.Cut(rest, key+" []")
	if !found || !ended {
		t.Fatalf("the example has no %s in a comment", key)
	}
	file := head + "\n" + strings.ReplaceAll("\n"+sample, "\n#", "\n")
	return mustLoad(t, LoadOptions{File: writeFile(t, "portico.yaml", file)})
}
