package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestExampleOfHooksLoads(t *testing.T) {
	t.Parallel()
	c := mustLoadSample(t, "docs/hooks.md.\n", "hooks:")
	k, _ := find(keysOf(reflect.TypeFor[Hook](), ""), "events")
	if len(c.Hooks) != 2 || !slices.Equal(c.Hooks[0].Events, k.oneOf) {
		t.Fatalf("got %+v", c.Hooks)
	}
	want := DefaultHook() // but for what has none
	want.Events, want.Command = c.Hooks[0].Events, c.Hooks[0].Command
	if !reflect.DeepEqual(c.Hooks[0], want) || c.Hooks[1].GiveUpAfter != want.GiveUpAfter || c.Hooks[1].SecretFile == "" {
		t.Errorf("got %+v, want the defaults", c.Hooks)
	}
	for _, k := range keysOf(reflect.TypeFor[Hook](), "") {
		if !strings.Contains(Example(), "\n#     "+k.name+": ") {
			t.Errorf("the example says nothing of %s", k.name)
		}
	}
}

func TestDocumentedHooksLoad(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "hooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	text, _, _ := strings.Cut(rest, "```")
	if c := mustLoad(t, LoadOptions{File: writeFile(t, "portico.yaml", text)}); len(c.Hooks) != 2 {
		t.Errorf("got %+v, want two hooks", c.Hooks)
	}
}

func TestHooksShowNoSecrets(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Hooks = []Hook{{Events: []string{"upload"}, URL: "https://user:hidden1@host:8443/hidden2?a=hidden3#hidden4", Secret: "hidden5"}}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	shown := string(text) + fmt.Sprintf("%v %+v %#v", c.Hooks, c.Hooks, c.Hooks)
	if strings.Contains(shown, "hidden") || strings.Count(shown, "https://host:8443/"+mask) != 4 {
		t.Errorf("got %s, want host and port of the address alone, four times", shown)
	}
	for u, want := range map[URL]string{"": "", "http://host": "http://host", "https://host/": "https://host/", "hidden": mask, "http://%hidden": mask, "https://:hidden@host": "https://host/" + mask} {
		if got := u.String(); got != want {
			t.Errorf("%s shows as %q, want %q", u.Reveal(), got, want)
		}
	}
}

func TestHooksReadBackAndFitTheSchema(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Hooks = []Hook{
		{Events: []string{"upload"}, Command: []string{"/bin/a", "b, c"}, Timeout: time.Minute, Concurrency: 2, Queue: 3},
		{Events: []string{"login"}, URL: "https://host/" + mask, Secret: mask, Spool: "/s", Timeout: time.Second, Concurrency: 4, Queue: 1, GiveUpAfter: time.Hour},
		{Events: []string{"mkdir"}, URL: "https://host", SecretFile: "/secret", Spool: "/t", Timeout: time.Second, Concurrency: 4, Queue: 1},
	}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := mustLoad(t, LoadOptions{File: writeFile(t, "portico.yaml", string(text))}).YAML()
	if err != nil || string(text) != string(again) {
		t.Errorf("got\n%s, %v, want\n%s", again, err, text)
	}
	events, err := os.ReadFile("testdata/good/events.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asLists := strings.NewReplacer("delete,rename", "[delete, rename]", "command: logger", "command: [logger]").Replace(string(events))
	for name, file := range map[string]string{"shown": string(text), "events": asLists} {
		if problems := readSchema(t).check(asJSON(t, file)); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
