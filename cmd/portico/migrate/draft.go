package migrate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// draft is a configuration in the making.
type draft struct {
	server    Server
	given     map[string]Given // the last of each name, by the name in the table
	root      *yaml.Node
	group     *yaml.Node // of users with passwords
	anonymous *yaml.Node // nil: there is none
	remarks   []remark
}

// groupName is the name of the group that stands for users with passwords.
const groupName = "users"

// remark is what a person has to know of a setting.
type remark struct {
	fate  Fate
	given Given
	text  string
}

func newDraft(server Server) *draft {
	mapping := func() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }
	d := &draft{server: server, given: map[string]Given{}, root: mapping(), group: mapping()}
	put(d.group, "name", groupName, "")
	return d
}

// value is the last value of a setting, or what is to be taken for its default.
func (d *draft) value(name, otherwise string) string {
	if g, isGiven := d.given[name]; isGiven {
		return g.Value
	}
	return otherwise
}

// yes says whether a setting is on.
func (d *draft) yes(name string, otherwise bool) bool {
	g, isGiven := d.given[name]
	if !isGiven {
		return otherwise
	}
	on, err := parseBool(g.Value)
	return err == nil && on
}

func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "yes", "true", "1", "on":
		return true, nil
	case "no", "false", "0", "off":
		return false, nil
	}
	return false, fmt.Errorf("is neither yes nor no")
}

// withAnonymous is the anonymous user, from now on there is one.
func (d *draft) withAnonymous() *yaml.Node {
	if d.anonymous == nil {
		d.anonymous = &yaml.Node{Kind: yaml.MappingNode}
		put(d.anonymous, "name", "anonymous", "")
		put(d.anonymous, "anonymous", true, "")
	}
	return d.anonymous
}

// set settles a key of Portico's because of a setting.
func (d *draft) set(path string, value any, because Given) {
	why := because.Name
	if because.Value != "" {
		why += " " + because.Value
	}
	put(d.root, path, value, why)
}

// setDefault settles a key because the other server does so by itself.
func (d *draft) setDefault(path string, value any, why string) { put(d.root, path, value, why) }

// put sets a key with dots below a mapping, in the place of what it was.
func put(node *yaml.Node, path string, value any, why string) {
	name, rest, deeper := strings.Cut(path, ".")
	i := slices.IndexFunc(node.Content, func(n *yaml.Node) bool { return n.Value == name })
	if i < 0 || i%2 != 0 { // a key stands before its value
		i = len(node.Content)
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, &yaml.Node{Kind: yaml.MappingNode})
	}
	if deeper {
		put(node.Content[i+1], rest, value, why)
		return
	}
	child, isNode := value.(*yaml.Node)
	if !isNode {
		child = &yaml.Node{}
		if err := child.Encode(value); err != nil {
			panic(err) // of a value of ours
		}
		if child.Kind == yaml.SequenceNode && !slices.ContainsFunc(child.Content, func(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode }) {
			child.Style = yaml.FlowStyle
		}
	}
	node.Content[i+1] = child
	if child.Kind == yaml.SequenceNode && child.Style != yaml.FlowStyle {
		child = node.Content[i] // or the comment would stand below the list
	}
	child.LineComment = comment(why)
}

// comment makes one line of any text.
func comment(text string) string {
	if text == "" {
		return ""
	}
	return "# " + strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' }), " ")
}

func (d *draft) remark(fate Fate, given Given, text string) {
	d.remarks = append(d.remarks, remark{fate, given, text})
}

// note is for what no single setting says.
func (d *draft) note(text string) { d.remark(ByHand, Given{}, text) }

// topLevel is the order of sections.
var topLevel = []string{"listeners", "passive", "active", "tls", "groups", "users", "auth", "quota_file", "limits", "defence", "log", "banner"}

// yaml writes the file.
func (d *draft) yaml(source string) ([]byte, error) {
	put(d.root, "groups", &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{d.group}}, "")
	if d.anonymous != nil {
		put(d.root, "users", &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{d.anonymous}}, "")
	}
	ordered := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range topLevel {
		for i := 0; i < len(d.root.Content); i += 2 {
			if d.root.Content[i].Value == name {
				ordered.Content = append(ordered.Content, d.root.Content[i:i+2]...)
			}
		}
	}
	if len(ordered.Content) != len(d.root.Content) {
		return nil, fmt.Errorf("migrate: a section has no place in the order")
	}
	var out bytes.Buffer
	d.writeHead(&out, source)
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(ordered); err != nil {
		return nil, err
	}
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	d.writeRemarks(&out)
	return out.Bytes(), nil
}

func (d *draft) writeHead(out *bytes.Buffer, source string) {
	fmt.Fprintf(out, "%s\n", comment(fmt.Sprintf("Made by `portico config import` from %s (%s).", source, d.server.Name)))
	out.WriteString("# Read it to its end, where it says what could not be translated. Then set the home\n" +
		"# of the group below and add the users, whose passwords nobody can translate:\n" +
		"#\n#   portico user add NAME --config THIS_FILE --groups " + groupName + "\n" +
		"#   portico check --config THIS_FILE\n#\n# What is different: docs/migrate.md.\n\n")
}

// writeRemarks writes what a person has to do and know, the most important
// first.
func (d *draft) writeRemarks(out *bytes.Buffer) {
	for _, part := range []struct {
		fate  Fate
		title string
	}{
		{unknown, "Not understood, and not translated:"},
		{ByHand, "To be done by hand:"},
		{Without, "What Portico does not have:"},
		{Always, "What needs nothing here:"},
	} {
		var lines []string
		for _, r := range d.remarks {
			if r.fate != part.fate {
				continue
			}
			text := plain(r.text)
			if name := r.given.String(); name != "" {
				text = name + ": " + text
			}
			lines = append(lines, strings.TrimSuffix(comment("- "+text), ": "))
		}
		if len(lines) > 0 {
			fmt.Fprintf(out, "\n# %s\n%s\n", part.title, strings.Join(lines, "\n"))
		}
	}
}

// plain is Markdown without its marks.
func plain(text string) string { return strings.ReplaceAll(text, "`", "") }
