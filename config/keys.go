package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
)

// key is one key of the file format, as the tags of Config's fields say it.
type key struct {
	name  string
	path  string
	index []int
	typ   reflect.Type
	oneOf []string
}

// keysOf lists the keys of a struct in the order of its fields. Their paths
// start with prefix.
func keysOf(t reflect.Type, prefix string) []key {
	var keys []key
	for field := range t.Fields() {
		name, tagged := field.Tag.Lookup("mapstructure")
		if !tagged {
			continue
		}
		if name == ",squash" { // its keys are those of the struct around it
			for _, k := range keysOf(field.Type, prefix) {
				k.index = append(slices.Clone(field.Index), k.index...)
				keys = append(keys, k)
			}
			continue
		}
		keys = append(keys, key{
			name:  name,
			path:  join(prefix, name),
			index: field.Index,
			typ:   field.Type,
			oneOf: strings.Fields(field.Tag.Get("oneof")),
		})
	}
	return keys
}

// settings lists every key of Config that takes a value, sections resolved:
// "passive.ports", but neither "passive" nor "listeners[0].address".
func settings() []key { return settingsOf(reflect.TypeFor[Config](), "") }

func settingsOf(t reflect.Type, prefix string) []key {
	var all []key
	for _, k := range keysOf(t, prefix) {
		if k.isSection() {
			all = append(all, settingsOf(k.typ, k.path)...)
		} else {
			all = append(all, k)
		}
	}
	return all
}

// isSection says whether the key has keys below it instead of a value.
func (k key) isSection() bool { return k.typ.Kind() == reflect.Struct && !isText(k.typ) }

// isText says whether the type reads itself from a text.
func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func names(keys []key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.name
	}
	return all
}

func find(keys []key, name string) (key, bool) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}
