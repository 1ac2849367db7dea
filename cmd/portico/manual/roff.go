package manual

import (
	"fmt"
	"strings"
)

// roff writes a man page with the macros of man(7).
type roff struct{ strings.Builder }

func newRoff(title string, section int, name, summary string) *roff {
	page := &roff{}
	fmt.Fprintf(page, ".\\\" Made by `make docs`: change the Go code, not this page.\n")
	fmt.Fprintf(page, ".TH %q %q \"\" \"Portico\" \"Portico\"\n", strings.ToUpper(title), fmt.Sprint(section))
	page.heading("SH", "NAME")
	fmt.Fprintf(page, "%s \\- %s\n", escape(name), escape(summary))
	return page
}

// heading begins a section (SH) or a subsection (SS).
func (r *roff) heading(macro, text string) { fmt.Fprintf(r, ".%s %s\n", macro, quote(text)) }

// text writes paragraphs as help texts have them: an empty line is between them,
// and lines that are indented stay as they are.
func (r *roff) text(text string) {
	for _, block := range blocks(text) {
		if isIndented(block[0]) {
			r.literal(block)
			continue
		}
		fmt.Fprintf(r, ".PP\n%s\n", escapeLine(strings.Join(block, " ")))
	}
}

func (r *roff) literal(lines []string) {
	r.WriteString(".PP\n.nf\n")
	for _, line := range lines {
		r.WriteString(escapeLine(line) + "\n")
	}
	r.WriteString(".fi\n")
}

// blocks takes a text apart at empty lines, and where indentation begins or ends.
func blocks(text string) [][]string {
	var all [][]string
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		begins := last == "" || isIndented(line) != isIndented(last)
		if line != "" && begins {
			all = append(all, nil)
		}
		if line != "" {
			all[len(all)-1] = append(all[len(all)-1], line)
		}
		last = line
	}
	return all
}

func isIndented(line string) bool {
	return strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
}

// term writes one thing in bold with what there is to say of it.
func (r *roff) term(bold, rest, text string) {
	fmt.Fprintf(r, ".TP\n\\fB%s\\fR%s\n%s\n", escape(bold), escape(rest), escapeLine(text))
}

func quote(text string) string { return `"` + strings.ReplaceAll(escape(text), `"`, `\(dq`) + `"` }

// escapeLine is escape for what begins a line, where a full stop would make a
// macro of it. (So would an apostrophe, which escape writes in another way.)
func escapeLine(text string) string {
	if strings.HasPrefix(text, ".") {
		return `\&` + escape(text)
	}
	return escape(text)
}

// escape has a text come out letter by letter, and sets in bold what stands
// between back-quotes, which come in pairs.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "'", `\(aq`).Replace(text)
	text = asciiOnly(text)
	parts := strings.Split(text, "`")
	if len(parts)%2 == 0 {
		return strings.ReplaceAll(text, "`", `\(ga`)
	}
	for i := 1; i < len(parts); i += 2 {
		parts[i] = `\fB` + parts[i] + `\fR`
	}
	return strings.Join(parts, "")
}

// asciiOnly names all other characters: troff takes bytes for Latin-1.
func asciiOnly(text string) string {
	var ascii strings.Builder
	for _, c := range text {
		if c < 0x80 {
			ascii.WriteRune(c)
		} else {
			fmt.Fprintf(&ascii, `\[u%04X]`, c)
		}
	}
	return ascii.String()
}
