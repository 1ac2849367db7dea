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
	_, rest, found := strings.Cut(Example(), "# The accounts:\n")
	sample, _, ended := strings.Cut(rest, "users: []")
	if !found || !ended {
		t.Fatal("the example has no users in a comment")
	}
	file := "users:\n" + strings.ReplaceAll("\n"+sample, "\n#", "\n")
	c := mustLoad(t, LoadOptions{File: writeFile(t, "portico.yaml", file)})
	if len(c.Users) != 1 || c.Users[0].Name != "alice" || len(c.Users[0].Permissions) != 6 {
		t.Errorf("got %+v", c.Users)
	}
}
