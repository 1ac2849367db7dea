package firewall

import (
	"fmt"
	"strings"
)

// header says in comments what rules are for, what they allow and what that
// exposes. All targets have the same mark for comments.
func (p *Plan) header(how ...string) string {
	var text strings.Builder
	r := p.Request
	comment(&text, fmt.Sprintf("FTP through the firewall of the %s, %s.", r.Side, r.Mode.words()))
	if r.ServerName != "" {
		comment(&text, fmt.Sprintf("The server is %s.", r.ServerName))
	}
	comment(&text, "Connections, seen from the "+string(r.Side)+"'s site:")
	for _, f := range p.Flows {
		fmt.Fprintf(&text, "#   %s\n", f.describe())
	}
	if p.Helper.Alone {
		fmt.Fprintf(&text, "#        Data connections: the firewall learns them from the control connection.\n")
	}
	if note := p.sliceNote(); note != "" {
		comment(&text, note)
	}
	for _, warning := range p.Warnings() {
		comment(&text, "Note: "+warning)
	}
	for _, line := range how {
		comment(&text, line)
	}
	return text.String()
}

func (m Mode) words() string {
	if m == ModeBoth {
		return "passive and active mode"
	}
	return string(m) + " mode"
}

// commentWidth is where comments are broken.
const commentWidth = 100

// comment writes a paragraph as comment lines.
func comment(text *strings.Builder, paragraph string) {
	line := "#"
	for word := range strings.FieldsSeq(paragraph) {
		if len(line)+1+len(word) > commentWidth && line != "#" {
			fmt.Fprintln(text, line)
			line = "#  "
		}
		line += " " + word
	}
	fmt.Fprintln(text, line)
}
