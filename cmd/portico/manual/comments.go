package manual

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-ftp/portico/config"
)

// Comments are the doc comments of types ("User") and fields ("User.Name").
type Comments map[string]string

// ReadComments reads those of the Go package in a directory. A field without a
// comment has that of the field before it: both are told of in one.
func ReadComments(directory string) (Comments, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	if len(files) == 0 {
		return nil, fmt.Errorf("no Go files in %s: %w", directory, fs.ErrNotExist)
	}
	comments := Comments{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		comments.addFile(file)
	}
	return comments, nil
}

func (c Comments) addFile(file *ast.File) {
	for _, declaration := range file.Decls {
		types, ok := declaration.(*ast.GenDecl)
		if !ok || types.Tok != token.TYPE {
			continue
		}
		for _, spec := range types.Specs {
			named := spec.(*ast.TypeSpec)
			c[named.Name.Name] = oneLine(types.Doc.Text() + named.Doc.Text())
			if structure, ok := named.Type.(*ast.StructType); ok {
				c.addFields(named.Name.Name, structure)
			}
		}
	}
}

func (c Comments) addFields(typeName string, structure *ast.StructType) {
	last := ""
	for _, field := range structure.Fields.List {
		if text := oneLine(field.Doc.Text()); text != "" {
			last = text
		}
		for _, name := range field.Names {
			c[typeName+"."+name.Name] = last
		}
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// translator turns the names of Go in comments into keys.
type translator struct {
	comments Comments
	keys     map[string]string // "TLS.Certificate" → "tls.certificate"
}

func newTranslator(comments Comments, sections []config.Section) translator {
	t := translator{comments, map[string]string{}}
	for _, section := range sections {
		for _, key := range section.Keys {
			path := key.Name
			if section.Path != "" {
				path = section.Path + "." + key.Name
			}
			for _, owner := range []string{section.Type, key.Type} {
				if _, known := t.keys[owner+"."+key.Field]; !known {
					t.keys[owner+"."+key.Field] = path
				}
			}
		}
	}
	return t
}

// key is what a key is for. An empty text means that it has no comment.
func (t translator) key(section config.Section, key config.Key) string {
	return subjectless(t.translate(section, t.comments[key.Type+"."+key.Field]), "`"+key.Name+"` ")
}

// section is what the section as a whole is for.
func (t translator) section(section config.Section) string {
	return subjectless(t.translate(section, t.comments[section.Type]), section.Type+" ", "`"+strings.ToLower(section.Type)+"` ")
}

// subjectless leaves out what a sentence begins with, and "is" and "are": a
// table has it in another column.
func subjectless(text string, subjects ...string) string {
	for _, subject := range subjects {
		rest, begins := strings.CutPrefix(text, subject)
		if !begins || strings.HasPrefix(rest, "and ") {
			continue
		}
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "is "), "are ")
		return strings.ToUpper(rest[:1]) + rest[1:]
	}
	return text
}

// translate puts keys for the names of fields, and leaves out what only those
// who write Go can use.
func (t translator) translate(section config.Section, text string) string {
	local := map[string]string{}
	for _, key := range section.Keys {
		local[key.Field] = key.Name
	}
	names := regexp.MustCompile(`\b[A-Z][A-Za-z]*(\.[A-Z][A-Za-z]*)?\b`)
	text = names.ReplaceAllStringFunc(text, func(name string) string {
		if key, isField := t.keys[name]; isField && strings.Contains(name, ".") {
			return "`" + key + "`"
		}
		if key, isField := local[name]; isField {
			return "`" + key + "`"
		}
		return name
	})
	kept := slices.DeleteFunc(sentences(text), func(s string) bool {
		return strings.HasPrefix(s, "This package ") || strings.HasPrefix(s, "Its keys are those of ")
	})
	return strings.Join(kept, " ")
}

// sentences takes a text apart behind its full stops.
func sentences(text string) []string {
	var all []string
	rest := text
	for {
		i := strings.Index(rest, ". ")
		if i < 0 {
			return append(all, rest)
		}
		all, rest = append(all, rest[:i+1]), rest[i+2:]
	}
}
