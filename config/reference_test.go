package config

import (
	"slices"
	"strings"
	"testing"
)

func TestReferenceHasEveryKey(t *testing.T) {
	t.Parallel()
	found := map[string]Key{}
	var paths []string
	for _, section := range Reference() {
		if slices.Contains(paths, section.Path) {
			t.Errorf("the section %q is there twice", section.Path)
		}
		paths = append(paths, section.Path)
		for _, key := range section.Keys {
			found[strings.TrimPrefix(section.Path+"."+key.Name, ".")] = key
		}
	}
	for _, k := range settings() {
		if got := found[k.path]; got.Variable != EnvName(k.path) {
			t.Errorf("%s has the variable %q", k.path, got.Variable)
		}
	}
	for _, key := range found {
		if key.Section != "" && !slices.Contains(paths, key.Section) {
			t.Errorf("%s leads to the section %q, which is not there", key.Name, key.Section)
		}
	}
	for path, want := range map[string]Key{
		"passive.wait":               {Name: "wait", Variable: "PORTICO_PASSIVE_WAIT", Takes: "a duration such as 30s", Default: "5s", Type: "Passive", Field: "Wait"},
		"passive":                    {Name: "passive", Takes: "keys", Section: "passive", Type: "Config", Field: "Passive"},
		"passive.sharing":            {Name: "sharing", Variable: "PORTICO_PASSIVE_SHARING", Takes: "a text", Default: "auto", Type: "Passive", Field: "Sharing"},
		"tls.min_version":            {Name: "min_version", Variable: "PORTICO_TLS_MIN_VERSION", Takes: "one of 1.2, 1.3", Default: `"1.2"`, Type: "TLS", Field: "MinVersion"},
		"tls.key":                    {Name: "key", Variable: "PORTICO_TLS_KEY", Takes: "a path", Type: "TLS", Field: "Key"},
		"users[].uploads":            {Name: "uploads", Takes: "one of atomic, direct", Default: "atomic", Type: "Place", Field: "Uploads"},
		"users[].mounts":             {Name: "mounts", Takes: "a list", Section: "users[].mounts[]", Type: "Account", Field: "Mounts"},
		"groups[].mounts":            {Name: "mounts", Takes: "a list", Section: "users[].mounts[]", Type: "Account", Field: "Mounts"},
		"users[].quota.bytes":        {Name: "bytes", Takes: "a size such as 10GiB", Default: "0", Type: "Quota", Field: "Bytes"},
		"hosts[].users":              {Name: "users", Takes: "a list", Section: "users[]", Type: "Host", Field: "Users"},
		"hooks[].queue":              {Name: "queue", Takes: "a number", Default: "10000", Type: "Hook", Field: "Queue"},
		"listeners[].proxy_protocol": {Name: "proxy_protocol", Takes: "a list, each item a network such as 10.0.0.0/8", Type: "Listener", Field: "ProxyProtocol"},
	} {
		if found[path] != want {
			t.Errorf("%s is %+v, want %+v", path, found[path], want)
		}
	}
}
