package config

import (
	"bytes"
	"encoding"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// YAML returns the configuration as a YAML file, every key in it, secrets
// masked. But for those, Load reads it back to the same values.
func (c *Config) YAML() ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	node, err := toNode(reflect.ValueOf(c).Elem())
	if err != nil {
		return nil, err
	}
	if err := encoder.Encode(node); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// toNode writes a value in the form that decoder reads, keys in the order of
// the fields.
func toNode(value reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{}
	switch v := value.Interface().(type) {
	case time.Duration:
		return node, node.Encode(FormatDuration(v))
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err != nil {
			return nil, err
		}
		return node, node.Encode(string(text))
	}
	switch value.Kind() {
	case reflect.Struct:
		return structNode(value)
	case reflect.Slice:
		return listNode(value)
	default:
		return node, node.Encode(value.Interface())
	}
}

func structNode(value reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range keysOf(value.Type(), "") {
		field := value.FieldByIndex(k.index)
		if k.isAbsent(field) || isElsewhere(value, k) {
			continue
		}
		child, err := toNode(field)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: k.name}, child)
	}
	return node, nil
}

// isAbsent says whether the field must be left out to keep its meaning: no
// permissions at all are all of them, an empty list is none.
func (k key) isAbsent(field reflect.Value) bool {
	return k.name == "permissions" && field.Kind() == reflect.Slice && field.IsNil()
}

// isElsewhere says whether a key must be left out because somebody else settles
// it: a group for a user, the other groups for a group, nobody the password of
// an anonymous user.
func isElsewhere(owner reflect.Value, k key) bool {
	switch o := owner.Interface().(type) {
	case User:
		if k.name == "password" {
			return o.Anonymous
		}
		return len(o.Groups) > 0 && !o.Places() && isOfPlace(k)
	case Group:
		return !o.Places() && isOfPlace(k)
	default:
		return false
	}
}

// isOfPlace says whether a key settles how a home is stored.
func isOfPlace(k key) bool {
	a := Account{}
	a.note(k.name)
	return a.Places()
}

func listNode(value reflect.Value) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range value.Len() {
		child, err := toNode(value.Index(i))
		if err != nil {
			return nil, err
		}
		if child.Kind == yaml.ScalarNode {
			node.Style = yaml.FlowStyle
		}
		node.Content = append(node.Content, child)
	}
	return node, nil
}

// FormatDuration returns "5m", where String returns "5m0s".
func FormatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
