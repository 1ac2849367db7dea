package embedding

import (
	"bytes"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	gobuild "go/build"
)

//go:generate env UPDATE_API=1 go test -count=1 -run ^TestThePublicNamesAreRecorded$ .

// TestThePublicNamesAreRecorded holds docs/api against the public names of each
// package, so that nobody changes them without seeing it, and a review shows what
// becomes of programs that use them. With UPDATE_API=1 it writes the files, which
// `make api` does.
func TestThePublicNamesAreRecorded(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("what is recorded are the names on Linux")
	}
	folder := filepath.Join("..", "..", "docs", "api")
	want := make(map[string]string)
	for name, dir := range publicPackages(t) {
		want[strings.ReplaceAll(name, "/", "-")+".txt"] = publicNames(t, dir)
	}
	if os.Getenv("UPDATE_API") == "1" {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		recorded, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Errorf("%v: run `make api` and commit it", err)
		}
		for _, line := range missing(string(recorded), want[name]) {
			t.Errorf("docs/api/%s: gone or changed, which breaks programs that use it: %s", name, line)
		}
		for _, line := range missing(want[name], string(recorded)) {
			t.Errorf("docs/api/%s: new: %s: run `make api` and commit it", name, line)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := want[filepath.Base(file)]; !ok {
			t.Errorf("%s: the package is gone, which breaks programs that use it: remove the file if that is meant", file)
		}
	}
}

// missing are the lines of one text that another lacks.
func missing(of, from string) []string {
	have := make(map[string]bool)
	for line := range strings.Lines(from) {
		have[line] = true
	}
	var lines []string
	for line := range strings.Lines(of) {
		if !have[line] {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// publicNames lists what a package exports, one name a line with its type: that
// of a struct field and of an interface's method has a line of its own, since
// adding one breaks nobody, or somebody else, than changing one.
func publicNames(t *testing.T, dir string) string {
	t.Helper()
	context := gobuild.Default
	built, err := context.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := &listing{files: token.NewFileSet()}
	var files []*ast.File
	for _, name := range built.GoFiles {
		file, err := parser.ParseFile(l.files, filepath.Join(dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	p, err := doc.NewFromFiles(l.files, files, built.Name)
	if err != nil {
		t.Fatal(err)
	}
	l.values(slices.Concat(p.Consts, p.Vars))
	l.functions(p.Funcs)
	for _, typ := range p.Types {
		l.values(slices.Concat(typ.Consts, typ.Vars))
		l.functions(slices.Concat(typ.Funcs, typ.Methods))
		for _, spec := range typ.Decl.Specs {
			l.typ(spec.(*ast.TypeSpec))
		}
	}
	slices.Sort(l.lines)
	return strings.Join(l.lines, "")
}

// listing collects lines.
type listing struct {
	files *token.FileSet
	lines []string
}

func (l *listing) add(words ...string) {
	l.lines = append(l.lines, strings.Join(strings.Fields(strings.Join(words, " ")), " ")+"\n")
}

// values lists constants and variables. Of a group of constants that count on,
// the type is told where it is written.
func (l *listing) values(groups []*doc.Value) {
	for _, group := range groups {
		for _, spec := range group.Decl.Specs {
			spec := spec.(*ast.ValueSpec)
			for _, name := range spec.Names {
				if !name.IsExported() {
					continue
				}
				l.add(group.Decl.Tok.String(), name.Name, l.text(spec.Type))
			}
		}
	}
}

func (l *listing) functions(functions []*doc.Func) {
	for _, f := range functions {
		decl := *f.Decl
		decl.Doc, decl.Body = nil, nil
		l.add(l.text(&decl))
	}
}

// typ lists a type, and what is public in it.
func (l *listing) typ(spec *ast.TypeSpec) {
	name := "type " + spec.Name.Name
	if spec.TypeParams != nil {
		for _, param := range spec.TypeParams.List {
			name += " [" + param.Names[0].Name + " " + l.text(param.Type) + "]"
		}
	}
	switch of := spec.Type.(type) {
	case *ast.StructType:
		l.add(name, "struct")
		l.fields(name, "field", of.Fields)
	case *ast.InterfaceType:
		l.add(name, "interface")
		l.fields(name, "method", of.Methods)
	default:
		if spec.Assign.IsValid() {
			name += " ="
		}
		l.add(name, l.text(of))
	}
}

func (l *listing) fields(owner, kind string, fields *ast.FieldList) {
	for _, field := range fields.List {
		if len(field.Names) == 0 {
			l.add(owner, "embeds", l.text(field.Type))
		}
		for _, name := range field.Names {
			if name.IsExported() {
				l.add(owner, kind, name.Name, l.text(field.Type))
			}
		}
	}
}

func (l *listing) text(node ast.Node) string {
	if node == nil || node == ast.Node((ast.Expr)(nil)) {
		return ""
	}
	var out bytes.Buffer
	if err := printer.Fprint(&out, l.files, node); err != nil {
		return err.Error()
	}
	return out.String()
}
