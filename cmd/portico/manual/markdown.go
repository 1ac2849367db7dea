package manual

import (
	"fmt"
	"strings"

	"github.com/portico-ftp/portico/config"
)

// Configuration is the reference of all keys, in Markdown.
func Configuration(sections []config.Section, comments Comments) string {
	t := newTranslator(comments, sections)
	var page strings.Builder
	page.WriteString(configurationHead)
	for _, section := range sections {
		page.WriteString("\n" + heading(section) + "\n\n")
		if section.Path != "" {
			page.WriteString(plain(t.section(section)) + "\n\n")
		}
		writeTable(&page, t, section)
	}
	return page.String()
}

const configurationHead = `<!-- Made by ` + "`make docs`" + ` from the Go code of package config. Change the comments there, not this page. -->

# Configuration

The settings of a server come from a file (YAML, TOML or JSON, named by ` + "`--config`" + `), from environment variables and from
flags. Flags win over variables, variables over the file, and what nobody sets has its default.

- ` + "`portico config init`" + ` prints a file with every key, its default and a comment; ` + "`portico config show`" + ` what is in force;
  ` + "`portico config schema`" + ` a JSON schema for editors; ` + "`portico check`" + ` tries all of it.
- Unknown keys and variables are errors, and all errors are told at once.
- Durations are written as ` + "`30s`, `5m` or `1h30m`" + `, sizes as ` + "`64MiB`" + `. Relative paths in a file count from its directory.
- A variable takes a list in YAML or JSON, one of plain values with commas too: ` + "`PORTICO_PASSIVE_PORTS=21100-21149,21160`" + `. An
  empty variable counts as not set.
- Keys of list items have no variable of their own: ` + "`PORTICO_USERS`" + ` takes the whole list.
- Where no default is told, it is empty.
`

func heading(section config.Section) string {
	if section.Path == "" {
		return "## Top of the file"
	}
	return "## `" + section.Path + "`"
}

// anchor is how GitHub and others call the heading of a section.
func anchor(path string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(".[]", c) {
			return -1
		}
		return c
	}, path)
}

func writeTable(page *strings.Builder, t translator, section config.Section) {
	hasVariables := false
	for _, key := range section.Keys {
		hasVariables = hasVariables || key.Variable != ""
	}
	columns := []string{"key", "takes", "default", "what it is for"}
	if hasVariables {
		columns = []string{"key", "variable", "takes", "default", "what it is for"}
	}
	writeRow(page, columns)
	page.WriteString(strings.Repeat("|---", len(columns)) + "|\n")
	for _, key := range section.Keys {
		takes := key.Takes
		if key.Section != "" {
			takes = fmt.Sprintf("%s, see [`%s`](#%s)", takes, key.Section, anchor(key.Section))
		}
		cells := []string{code(key.Name), takes, code(key.Default), plain(t.key(section, key))}
		if hasVariables {
			cells = append([]string{cells[0], code(key.Variable)}, cells[1:]...)
		}
		writeRow(page, cells)
	}
}

func writeRow(page *strings.Builder, cells []string) {
	for _, cell := range cells {
		page.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
	}
	page.WriteString("|\n")
}

// plain keeps what is no Markdown from being taken for it: $5$ for a formula.
func plain(text string) string {
	return strings.NewReplacer("$", `\$`, "<", "&lt;", "*", `\*`).Replace(text)
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
