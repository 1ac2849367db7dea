package migrate

import (
	"fmt"
	"slices"
	"strings"
)

// Server is a program that people come from.
type Server struct {
	// Name is what --from takes: "vsftpd".
	Name string
	// Title and Intro begin its part of the document. Intro is Markdown.
	Title, Intro string
	// Settings are those it has, each once, in the order of the document.
	Settings []Setting

	fold   bool                      // the case of names does not matter
	read   func(text string) []Given // nil: nothing can be imported
	before func(*draft)              // settles what defaults say
	after  func(*draft)              // settles what several settings say together
}

// Setting is one of another server's settings.
type Setting struct {
	// Name is how the file spells it. Flag is the letter that stands for it on a
	// command line, if there is one.
	Name, Flag string
	// Fate is what becomes of it.
	Fate Fate
	// Keys are those of Portico's configuration that take its place.
	Keys []string
	// Note says what is different, or what to do instead. Markdown.
	Note string

	// harmless are values with which nothing is lost where Fate is ByHand or
	// Without: "NO", mostly.
	harmless []string
	take     func(*draft, Given) error
	// example is a value that a test imports, after other lines if need be.
	example string
	context string
}

// Fate is what becomes of a setting.
type Fate int

const (
	// Imported settings are translated by `portico config import`.
	Imported Fate = iota
	// ByHand settings have something in their place that a person has to write.
	ByHand
	// Always says that Portico is like that without being told, or that the
	// setting has no meaning for it.
	Always
	// Without says that Portico has no such thing.
	Without
)

// String says it in a word or two.
func (f Fate) String() string {
	switch f {
	case Imported:
		return "imported"
	case ByHand:
		return "by hand"
	case Always:
		return "nothing to do"
	default:
		return "not there"
	}
}

// Given is a setting in somebody's file.
type Given struct {
	Name, Value string
	// Line is where it stands, from 1. 0: not in a file of lines.
	Line int
	// Block is what it stands in: "<Directory /srv>". Empty: in nothing.
	Block string
	// Broken says why it could not be read, if so.
	Broken string
}

// String is the setting as a person would recognize it.
func (g Given) String() string {
	text := strings.TrimSpace(g.Name + " " + g.Value)
	if g.Block != "" {
		text += " in " + g.Block
	}
	if g.Line > 0 {
		return fmt.Sprintf("line %d, %s", g.Line, text)
	}
	return text
}

// Servers are all that are known, in the order of the document.
func Servers() []Server { return []Server{vsftpd(), proftpd(), pureftpd(), sftpgo()} }

// Importable are the names of those whose files can be imported.
func Importable() []string {
	var names []string
	for _, server := range Servers() {
		if server.read != nil {
			names = append(names, server.Name)
		}
	}
	return names
}

// find returns a setting by its name, with a note that stands by itself.
func (s Server) find(name string) (Setting, bool) {
	i := slices.IndexFunc(s.Settings, func(known Setting) bool {
		return known.Name == name || s.fold && strings.EqualFold(known.Name, name)
	})
	if i < 0 {
		return Setting{}, false
	}
	setting := s.Settings[i]
	for setting.Note == asAbove {
		i--
		setting.Note = s.Settings[i].Note
	}
	return setting, true
}

// asAbove is the note of settings that are of one kind with the one before.
const asAbove = "As above."
