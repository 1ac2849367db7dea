package migrate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// unknown is the fate of what is in nobody's table.
const unknown Fate = -1

// Result is a translated configuration.
type Result struct {
	// Server is whose configuration it was.
	Server string
	// YAML is the configuration, with comments on what is not in it.
	YAML []byte
	// Imported, ByHand, Without and Unknown count the settings, each once.
	Imported, ByHand, Without, Unknown int
}

// Summary says in a line how much was translated.
func (r Result) Summary() string {
	return fmt.Sprintf("%s: %d settings translated, %d to be done by hand, %d that Portico does not have, %d not understood; comments at the end say which",
		r.Server, r.Imported, r.ByHand, r.Without, r.Unknown)
}

// Import translates the configuration of a server (one of Importable). The
// source is its name for comments.
func Import(name, source, text string) (Result, error) {
	servers := Servers()
	i := slices.IndexFunc(servers, func(s Server) bool { return s.Name == name && s.read != nil })
	if i < 0 {
		return Result{}, fmt.Errorf("configurations of %q cannot be imported: use one of %s", name, strings.Join(Importable(), ", "))
	}
	d := newDraft(servers[i])
	counts := d.takeAll(d.server.read(strings.TrimPrefix(text, "\ufeff")))
	file, err := d.yaml(source)
	if err != nil {
		return Result{}, err
	}
	return Result{Server: name, YAML: file, Imported: counts[Imported], ByHand: counts[ByHand], Without: counts[Without], Unknown: counts[unknown]}, nil
}

// takeAll translates the settings and counts their fates.
func (d *draft) takeAll(all []Given) map[Fate]int {
	counts := map[Fate]int{}
	var translated []Given
	for _, g := range all {
		setting, isKnown := d.server.find(g.Name)
		if isKnown {
			g.Name = setting.Name
		}
		switch {
		case g.Broken != "":
			d.remark(unknown, g, g.Broken)
			counts[unknown]++
		case g.Block != "" && !strings.HasPrefix(g.Block, anonymousBlock):
			d.remark(ByHand, g, "sections are not translated: docs/migrate.md says what takes their place")
			counts[ByHand]++
		case !isKnown:
			d.remark(unknown, g, "")
			counts[unknown]++
		default:
			if before, isRepeated := d.given[key(g)]; isRepeated && before.Value != g.Value && !repeats(setting) {
				d.remark(ByHand, before, fmt.Sprintf("is set again (%s), which counts", g))
			}
			d.given[key(g)] = g
			translated = append(translated, g)
		}
	}
	if d.server.before != nil {
		d.server.before(d)
	}
	var imported []Given
	for _, g := range translated {
		setting, _ := d.server.find(g.Name)
		if d.given[key(g)] != g && !repeats(setting) {
			continue // a later one counts
		}
		fate := d.takeOne(setting, g)
		if fate == Imported {
			imported = append(imported, g)
		} else {
			counts[fate]++
		}
	}
	if d.server.after != nil {
		d.server.after(d)
	}
	for _, g := range imported {
		if d.mentions(g.Name) {
			counts[Imported]++
		} else {
			setting, _ := d.server.find(g.Name)
			d.remark(Always, g, strings.TrimSpace("changes nothing beside the other settings. "+setting.Note))
		}
	}
	return counts
}

// mentions says whether a key was set because of a setting.
func (d *draft) mentions(name string) bool {
	word := regexp.MustCompile(`(?:^|\W)` + regexp.QuoteMeta(name) + `(?:$|\W)`)
	var inside func(*yaml.Node) bool
	inside = func(n *yaml.Node) bool {
		return word.MatchString(n.LineComment) || slices.ContainsFunc(n.Content, inside)
	}
	return inside(d.root) || inside(d.group) || d.anonymous != nil && inside(d.anonymous)
}

// key tells settings of the anonymous section from those of the server.
func key(g Given) string {
	if g.Block != "" {
		return g.Block + " " + g.Name
	}
	return g.Name
}

// repeats says whether each of several lines counts.
func repeats(s Setting) bool {
	return slices.Contains(s.Keys, "log.w3c") || s.Name == "Include" || s.Name == "TransferRate"
}

// takeOne translates one setting, and returns what has become of it.
func (d *draft) takeOne(setting Setting, g Given) Fate {
	if setting.take != nil {
		if err := setting.take(d, g); err != nil {
			d.remark(ByHand, g, err.Error())
			return ByHand
		}
	}
	fate := setting.Fate
	if fate != Imported && slices.ContainsFunc(setting.harmless, func(v string) bool { return strings.EqualFold(v, g.Value) }) {
		fate = Always
	}
	if fate != Imported {
		d.remark(fate, g, setting.Note)
	}
	return fate
}

// anonymousBlock is how the one section begins that is translated.
const anonymousBlock = "<Anonymous"

// Detect says whose configuration a file is, by its path and what is in it.
// Empty: nobody knows.
func Detect(path, text string) string {
	lower := strings.ToLower(path)
	for _, name := range []string{"vsftpd", "proftpd", "pure-ftpd", "pureftpd"} {
		if strings.Contains(lower[strings.LastIndexAny(lower, `/\`)+1:], name) || strings.Contains(lower, "/"+name+"/") {
			return strings.Replace(name, "pureftpd", "pure-ftpd", 1)
		}
	}
	best, most := "", 0
	for _, server := range Servers() {
		if server.read == nil {
			continue
		}
		n := 0
		for _, g := range server.read(text) {
			if _, isKnown := server.find(g.Name); isKnown && g.Broken == "" {
				n++
			}
		}
		if n > most {
			best, most = server.Name, n
		}
	}
	return best
}
