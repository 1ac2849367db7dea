package config

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestSchemaAcceptsGoodFiles(t *testing.T) {
	t.Parallel()
	contract, err := os.ReadFile("testdata/good/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := os.ReadFile("testdata/good/hosts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	storage, err := os.ReadFile("testdata/good/storage.yaml")
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := os.ReadFile("testdata/good/accounts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	limits, err := os.ReadFile("testdata/good/limits.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := Default().YAML()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"example": Example(), "contract": string(contract), "hosts": string(hosts), "accounts": strings.NewReplacer("2026-12-31", `"2026-12-31"`, "10.0.0.0/8", "[10.0.0.0/8]", "order: users", "order: [users]").Replace(string(accounts)), "storage": strings.ReplaceAll(string(storage), "permissions: list", "permissions: [list]"), "limits": string(limits), "shown": string(shown)} {
		if problems := readSchema(t).check(asJSON(t, text)); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

func TestSchemaRefusesBadFiles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"pasive: {}":                           "pasive is not allowed",
		"listeners: []":                        "fewer items",
		"listeners: [{implicit_tls: true}]":    "address is missing",
		"passive: {wait: 5}":                   "matches no type",
		"passive: {wait: soon}":                "does not match",
		"passive: {ports: 70000}":              "matches 0 of the alternatives",
		"sandbox: on":                          "is none of",
		"limits: {sessions: -1}":               "is too small",
		"limits: {sessions: 1.5}":              "matches no type",
		"limits: {transfers_per_user: -1}":     "is too small",
		"limits: {upload_rate: 10MB}":          "matches 0 of the alternatives",
		"tls: {min_version: 1.2}":              "is none of",
		"passive: {peer: [10.0.0.1]}":          "matches 0 of the alternatives",
		"users: [{name: a, home: /a}]":         "matches 0 of the alternatives",
		"users: [{name: '', password: x}]":     "is too short",
		"passive: {public_address: [{a: b}]}":  "matches 0 of the alternatives",
		"active: {source_port: 70000}":         "matches 0 of the alternatives",
		"passive: {slice: first}":              "matches 0 of the alternatives",
		"passive: {slice_ports: -1}":           "is too small",
		"active: {source_port: later}":         "matches 0 of the alternatives",
		"users: [{permissions: [everything]}]": "is none of",
		"users: [{refused_commands: [dele]}]":  "does not match",
		"hosts: [{banner: hello}]":             "name is missing",
		"hosts: [{users: [{name: a}]}]":        "matches 0 of the alternatives",
		"tls: {client_certificates: maybe}":    "is none of",
		"auth: {sql: {driver: oracle}}":        "is none of",
		"auth: {sql: {connections: 0}}":        "is too small",
		"users: [{mounts: [{dir: /a}]}]":       "path is missing",
		"auth: {ldap: {servers: [host]}}":      "does not match",
		"auth: {http: {url: ftp://host}}":      "does not match",
		"auth: {ldap: {connections: 0}}":       "is too small",
		"auth: {ldap: {group_names: [{}]}}":    "ldap is missing",
		"users: [{umask: '8'}]":                "does not match",
		"hooks: [{command: [a]}]":              "events is missing",
		"hooks: [{events: [uplod]}]":           "is none of",
		"hooks: [{events: []}]":                "fewer items",
		"hooks: [{url: ftp://host}]":           "does not match",
		"hooks: [{queue: 0}]":                  "is too small",
		"users: [{quota: {bytes: 1MB}}]":       "matches 0 of the alternatives",
	} {
		if got := fmt.Sprint(readSchema(t).check(asJSON(t, text))); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %q", text, got, want)
		}
	}
}

// TestSchemaKnowsEveryKey holds the schema against the fields of Config.
func TestSchemaKnowsEveryKey(t *testing.T) {
	t.Parallel()
	readSchema(t).wantSection(t, "", reflect.TypeFor[Config](), reflect.ValueOf(Default()).Elem())
}

// wantSection holds an object of the schema against a struct, and against its
// defaults where it has any.
func (s *schema) wantSection(t *testing.T, path string, typ reflect.Type, defaults reflect.Value) {
	t.Helper()
	if s.Ref != "" {
		s = s.referred()
	}
	keys := keysOf(typ, path)
	if s.AdditionalProperties == nil || *s.AdditionalProperties {
		t.Errorf("%q allows unknown keys", path)
	}
	for name := range s.Properties {
		if _, known := find(keys, name); !known {
			t.Errorf("%s is in the schema only", join(path, name))
		}
	}
	for _, k := range keys {
		property := s.Properties[k.name]
		if property == nil {
			t.Errorf("%s is not in the schema", k.path)
			continue
		}
		var byDefault reflect.Value
		if defaults.IsValid() {
			byDefault = defaults.FieldByIndex(k.index)
		}
		s.under(property).wantKey(t, k, byDefault)
	}
}

func (s *schema) wantKey(t *testing.T, k key, byDefault reflect.Value) {
	t.Helper()
	if s.Description == "" {
		t.Errorf("%s has no description", k.path)
	}
	values := s.Enum
	if s.Items != nil {
		values = s.Items.Enum
	}
	for _, value := range k.oneOf {
		if len(values) != len(k.oneOf) || !slices.Contains(values, any(value)) {
			t.Errorf("%s takes %v in the schema, want %v", k.path, values, k.oneOf)
			break
		}
	}
	switch {
	case k.isSection():
		s.wantSection(t, k.path, k.typ, byDefault)
		return
	case k.typ == reflect.TypeFor[AddressRules]():
		s.under(s.OneOf[1].Items).wantSection(t, k.path+"[]", k.typ.Elem(), reflect.Value{})
	case k.typ.Kind() == reflect.Slice && !isText(k.typ) && (key{typ: k.typ.Elem()}).isSection():
		s.under(s.Items).wantSection(t, k.path+"[]", k.typ.Elem(), reflect.Value{})
	case k.typ == reflect.TypeFor[time.Duration]() && s.Ref != "#/$defs/duration":
		t.Errorf("%s is no duration in the schema", k.path)
	}
	if byDefault.IsValid() {
		s.wantDefault(t, k, byDefault)
	}
}

// wantDefault reads the schema's default as if it stood in a file.
func (s *schema) wantDefault(t *testing.T, k key, want reflect.Value) {
	t.Helper()
	if s.Default == nil {
		t.Errorf("%s has no default in the schema", k.path)
		return
	}
	d := decoder{}
	got, ok := d.value(k, s.Default)
	if !ok {
		t.Errorf("%s: the default of the schema is wrong: %v", k.path, d.found)
		return
	}
	bothEmpty := want.Kind() == reflect.Slice && want.Len() == 0 && got.Len() == 0
	if !bothEmpty && !reflect.DeepEqual(got.Interface(), want.Interface()) {
		t.Errorf("%s is %v by the schema's default, want %v", k.path, got, want)
	}
}

// asJSON reads YAML into the types that encoding/json uses.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(data, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}
