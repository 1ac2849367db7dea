package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzLoad holds that no file makes Load panic, and that a configuration
// without faults can be shown and read back.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*", "testdata/bad/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(filepath.Ext(file), string(text))
		}
	}
	f.Fuzz(func(t *testing.T, extension, text string) {
		switch extension {
		case ".yaml", ".toml", ".json":
		default:
			extension = ".yaml"
		}
		c, err := Load(LoadOptions{File: writeFile(t, "fuzz"+extension, text)})
		if err != nil {
			return
		}
		shown, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(LoadOptions{File: writeFile(t, "shown.yaml", string(shown))}); err != nil {
			t.Errorf("what was shown does not load: %v\n%s", err, shown)
		}
	})
}
