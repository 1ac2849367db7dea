package config

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/viper"
)

// LoadOptions says where a configuration comes from.
type LoadOptions struct {
	// File is a YAML, TOML or JSON file, told apart by its extension. Empty:
	// no file.
	File string
	// Environ holds variables as os.Environ returns them. Those that start
	// with PORTICO_ are read.
	Environ []string
	// Overrides are the values of command-line flags by the path of their key
	// ("passive.ports"), as texts, lists and maps.
	Overrides map[string]any
}

// Load reads a configuration: the values of Default, above them the file, the
// environment, and the overrides.
//
// Its error joins every fault that it and Validate found. The configuration is
// returned with it, as far as it could be read, so that a caller can look for
// more faults before it gives up; it must not be served.
func Load(options LoadOptions) (*Config, error) {
	l := newLoader()
	if options.File != "" {
		l.addFile(options.File)
	}
	l.addEnviron(options.Environ)
	l.addOverrides(options.Overrides)
	return l.finish()
}

// loader merges the sources. The values it gives to viper have the types of
// Config's fields already, so viper only has to settle which one counts.
type loader struct {
	viper   *viper.Viper
	sources map[string]string
	faults  []error
}

func newLoader() *loader {
	l := &loader{viper: viper.New(), sources: map[string]string{}}
	defaults := reflect.ValueOf(Default()).Elem()
	for _, k := range settings() {
		l.viper.SetDefault(k.path, valueAt(defaults, k.path).Interface())
	}
	return l
}

// valueAt returns the value of a key that settings lists.
func valueAt(section reflect.Value, path string) reflect.Value {
	name, rest, deeper := strings.Cut(path, ".")
	k, _ := find(keysOf(section.Type(), ""), name)
	value := section.FieldByIndex(k.index)
	if deeper {
		return valueAt(value, rest)
	}
	return value
}

func (l *loader) addFile(file string) {
	tree, faults := readFile(file)
	l.faults = append(l.faults, faults...)
	l.merge(tree)
	for path := range flatten(tree, "") {
		l.sources[path] = file
	}
}

func (l *loader) addEnviron(environ []string) {
	variables, faults := readEnviron(environ)
	l.faults = append(l.faults, faults...)
	for _, v := range variables {
		l.merge(nest(v.key.path, v.value))
		l.sources[v.key.path] = envSource(EnvName(v.key.path))
	}
}

func (l *loader) merge(tree map[string]any) {
	if err := l.viper.MergeConfigMap(tree); err != nil {
		l.faults = append(l.faults, err)
	}
}

func (l *loader) addOverrides(overrides map[string]any) {
	const source = "command line"
	for _, path := range slices.Sorted(maps.Keys(overrides)) {
		d := decoder{faults: faults{source: source}}
		tree := d.section("", reflect.TypeFor[Config](), nest(path, overrides[path]))
		l.faults = append(l.faults, d.found...)
		for path, value := range flatten(tree, "") {
			l.viper.Set(path, value)
			l.sources[path] = source
		}
	}
}

func (l *loader) finish() (*Config, error) {
	cfg := &Config{}
	if err := l.viper.UnmarshalExact(cfg); err != nil {
		return nil, errors.Join(append(l.faults, err)...)
	}
	cfg.sources = l.sources
	return cfg, errors.Join(append(l.faults, Faults(cfg.Validate())...)...)
}

// Source says where the value of a key was set: a file, an environment
// variable or the command line. The key may lie below one that has a source
// ("users[1].home"). Empty: it has its default.
func (c *Config) Source(key string) string {
	for path, source := range c.sources {
		if rest, ok := strings.CutPrefix(key, path); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return source
		}
	}
	return ""
}

// flatten returns the values of a tree by their paths.
func flatten(tree map[string]any, prefix string) map[string]any {
	values := map[string]any{}
	for name, value := range tree {
		if section, ok := value.(map[string]any); ok {
			maps.Copy(values, flatten(section, join(prefix, name)))
		} else {
			values[join(prefix, name)] = value
		}
	}
	return values
}

// nest puts a value into the sections that its path names.
func nest(path string, value any) map[string]any {
	section, rest, deeper := strings.Cut(path, ".")
	if deeper {
		return map[string]any{section: nest(rest, value)}
	}
	return map[string]any{section: value}
}
