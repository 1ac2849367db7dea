package config

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// UsersText is a YAML file of users that is edited: what is not touched stays,
// comments included.
type UsersText struct {
	document yaml.Node
	list     *yaml.Node
}

// Setting is a key of a user and its value, in the form that YAML encodes.
type Setting struct {
	Key   string
	Value any
}

// EditUsers reads the text of a file of users. Nil or empty text is a file
// without any.
func EditUsers(text []byte) (*UsersText, error) {
	u := &UsersText{}
	if err := yaml.Unmarshal(text, &u.document); err != nil {
		return nil, fmt.Errorf("is not valid YAML: %w", err)
	}
	if u.document.Kind == 0 { // nothing, or comments alone
		u.document = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	root := u.document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("holds something else than a list of users")
	}
	u.list = child(root, "users")
	switch {
	case u.list == nil:
		u.list = &yaml.Node{Kind: yaml.SequenceNode}
		root.Content = append(root.Content, scalar("users"), u.list)
	case u.list.Kind == yaml.ScalarNode && u.list.Tag == "!!null":
		*u.list = yaml.Node{Kind: yaml.SequenceNode}
	case u.list.Kind != yaml.SequenceNode:
		return nil, errors.New("users is not a list")
	}
	return u, nil
}

func scalar(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }

// child returns the value of a key, nil if there is none.
func child(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// index returns where a user stands, -1 for one that does not.
func (u *UsersText) index(name string) int {
	for i, entry := range u.list.Content {
		if value := child(entry, "name"); value != nil && value.Value == name {
			return i
		}
	}
	return -1
}

// Has says whether the file has a user.
func (u *UsersText) Has(name string) bool { return u.index(name) >= 0 }

// Add adds a user with these settings at the end.
func (u *UsersText) Add(settings []Setting) error {
	entry := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range settings {
		if err := set(entry, s); err != nil {
			return err
		}
	}
	u.list.Content = append(u.list.Content, entry)
	u.list.Style = 0 // a list in brackets cannot hold it
	return nil
}

// Set changes a setting of a user. It reports false for a user who is not there.
func (u *UsersText) Set(name string, s Setting) (bool, error) {
	i := u.index(name)
	if i < 0 {
		return false, nil
	}
	return true, set(u.list.Content[i], s)
}

// Remove takes a user away. It reports false for one who is not there.
func (u *UsersText) Remove(name string) bool {
	i := u.index(name)
	if i < 0 {
		return false
	}
	u.list.Content = append(u.list.Content[:i], u.list.Content[i+1:]...)
	return true
}

func set(entry *yaml.Node, s Setting) error {
	value := &yaml.Node{}
	if err := value.Encode(s.Value); err != nil {
		return err
	}
	if value.Kind == yaml.SequenceNode {
		value.Style = yaml.FlowStyle
	}
	if old := child(entry, s.Key); old != nil {
		value.LineComment, value.FootComment = old.LineComment, old.FootComment
		*old = *value
		return nil
	}
	entry.Content = append(entry.Content, scalar(s.Key), value)
	return nil
}

// Bytes returns the text of the file.
func (u *UsersText) Bytes() ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&u.document); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}
