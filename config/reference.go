package config

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Section is a group of keys in a list of all there are, for documentation.
type Section struct {
	// Path is "passive", "users[]" for the items of a list, "users[].quota" for
	// keys below those. Empty: the top of the file.
	Path string
	// Type is the Go type whose fields the keys are.
	Type string
	// Keys come in the order of the fields.
	Keys []Key
}

// Key is one key of the file format.
type Key struct {
	// Name is the key in its section.
	Name string
	// Variable is its environment variable. Empty for keys below those that
	// have one, and for those of list items.
	Variable string
	// Takes says in words which values it takes.
	Takes string
	// Section is the path of the section that has the keys below this one, or
	// those of its items. Empty: there are none.
	Section string
	// Default is its value, in YAML, where it is left out. Empty: that is empty,
	// or a section.
	Default string
	// Type and Field are where the key is declared in Go: a type of this
	// package and its field.
	Type, Field string
}

// Reference lists all keys, each type of a section once: the items of a second
// list of the same type have the keys of the first.
func Reference() []Section {
	r := reference{paths: map[reflect.Type]string{}}
	r.add("", reflect.ValueOf(Default()).Elem(), true)
	return r.sections
}

type reference struct {
	sections []Section
	paths    map[reflect.Type]string // of the sections that are there
}

// add lists the keys of a struct with their defaults, then what is below them.
func (r *reference) add(path string, defaults reflect.Value, hasVariables bool) {
	r.paths[defaults.Type()] = path
	section := Section{Path: path, Type: defaults.Type().Name()}
	var below []func()
	for _, k := range keysOf(defaults.Type(), path) {
		entry := Key{Name: k.name, Type: declaredIn(defaults.Type(), k.index).Name(), Field: defaults.Type().FieldByIndex(k.index).Name}
		value, hasItems := defaults.FieldByIndex(k.index), k.hasItems()
		if hasVariables && !k.isSection() {
			entry.Variable = EnvName(k.path)
		}
		switch {
		case k.isSection():
			entry.Takes = "keys"
			entry.Section = r.below(&below, k.path, value, hasVariables)
		case hasItems:
			entry.Takes = "a list"
			if k.typ == reflect.TypeFor[AddressRules]() {
				entry.Takes = "one address, or a list"
			}
			entry.Section = r.below(&below, k.path+"[]", newItem(k.typ.Elem()), false)
		default:
			entry.Takes = takes(k)
		}
		if !k.isSection() && !k.isAbsent(value) {
			entry.Default = inYAML(value)
		}
		section.Keys = append(section.Keys, entry)
	}
	r.sections = append(r.sections, section)
	for _, add := range below {
		add()
	}
}

// below is the path of the section for a value. One of a new type is added
// after the section that is being made.
func (r *reference) below(later *[]func(), path string, defaults reflect.Value, hasVariables bool) string {
	if known, isKnown := r.paths[defaults.Type()]; isKnown {
		return known
	}
	r.paths[defaults.Type()] = path
	*later = append(*later, func() { r.add(path, defaults, hasVariables) })
	return path
}

// hasItems says whether the key takes a list of structs.
func (k key) hasItems() bool {
	return k.typ.Kind() == reflect.Slice && !isText(k.typ) && (key{typ: k.typ.Elem()}).isSection()
}

// declaredIn is the struct that declares a field that may be another struct's by
// embedding.
func declaredIn(t reflect.Type, index []int) reflect.Type {
	if len(index) == 1 {
		return t
	}
	return declaredIn(t.Field(index[0]).Type, index[1:])
}

// takes is wanted for lists, too.
func takes(k key) string {
	switch {
	case k.typ.Kind() == reflect.Slice && !isText(k.typ):
		item := wanted(key{typ: k.typ.Elem(), oneOf: k.oneOf})
		return "a list, each item " + item
	case k.typ == reflect.TypeFor[Path]():
		return "a path"
	default:
		return wanted(k)
	}
}

// inYAML is a value on one line, empty for one that is.
func inYAML(value reflect.Value) string {
	if size, isSize := value.Interface().(Size); isSize {
		return size.String()
	}
	node, err := toNode(value)
	if err != nil {
		return ""
	}
	makeFlow(node)
	text, err := yaml.Marshal(node)
	if err != nil {
		return ""
	}
	switch text := strings.TrimSpace(string(text)); text {
	case `""`, "[]":
		return ""
	default:
		return text
	}
}

func makeFlow(node *yaml.Node) {
	if node.Kind != yaml.ScalarNode {
		node.Style = yaml.FlowStyle
	}
	for _, child := range node.Content {
		makeFlow(child)
	}
}
