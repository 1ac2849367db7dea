package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/viper"
)

// readFile reads a configuration file into a tree of typed values.
func readFile(file string) (map[string]any, []error) {
	raw, err := parseFile(file)
	if err != nil {
		return nil, []error{&Fault{Source: file, Problem: err.Error()}}
	}
	directory, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, []error{&Fault{Source: file, Problem: err.Error()}}
	}
	d := decoder{faults: faults{source: file}, directory: directory}
	return d.section("", reflect.TypeFor[Config](), raw), d.found
}

func parseFile(file string) (map[string]any, error) {
	format := formatOf(file)
	switch format {
	case "yaml", "yml", "toml", "json":
	default:
		return nil, errors.New("cannot tell the format: name the file .yaml, .toml or .json")
	}
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, errors.New("there is no such file: `portico config init` prints one to start from")
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", errors.Unwrap(err))
	}
	return parseText(format, text)
}

// formatOf returns the ending of a file's name.
func formatOf(file string) string {
	return strings.TrimPrefix(strings.ToLower(filepath.Ext(file)), ".")
}

// parseText reads the text with viper's codec of the format. It does not go
// through viper's own reader, which folds the case of keys and forgets those
// without a value, so that a slip in one could not be told.
func parseText(format string, text []byte) (map[string]any, error) {
	codec, err := viper.NewCodecRegistry().Decoder(format)
	if err != nil {
		return nil, err
	}
	raw := map[string]any{}
	if format == "json" && len(strings.TrimSpace(string(text))) == 0 {
		return raw, nil
	}
	if err := codec.Decode(text, raw); err != nil {
		return nil, fmt.Errorf("is not valid %s: %w", strings.ToUpper(format), err)
	}
	return raw, nil
}
