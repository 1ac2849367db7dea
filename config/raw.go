package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// asMap reads keys with values, in whichever map the file format made.
func asMap(raw any) (map[string]any, bool) {
	value := reflect.ValueOf(raw)
	if value.Kind() != reflect.Map {
		return nil, false
	}
	entries := make(map[string]any, value.Len())
	for k, v := range value.Seq2() {
		entries[fmt.Sprint(k.Interface())] = v.Interface()
	}
	return entries, true
}

// asList reads a list, in whichever slice the file format made.
func asList(raw any) ([]any, bool) {
	value := reflect.ValueOf(raw)
	if value.Kind() != reflect.Slice {
		return nil, false
	}
	entries := make([]any, value.Len())
	for i := range entries {
		entries[i] = value.Index(i).Interface()
	}
	return entries, true
}

// scalarText returns a plain value as it would be written in a variable.
func scalarText(raw any) (string, bool) {
	value := reflect.ValueOf(raw)
	switch {
	case !value.IsValid():
		return "", false
	case value.Kind() == reflect.String:
		return value.String(), true
	case value.Kind() == reflect.Bool:
		return strconv.FormatBool(value.Bool()), true
	case value.CanInt():
		return strconv.FormatInt(value.Int(), 10), true
	case value.CanUint():
		return strconv.FormatUint(value.Uint(), 10), true
	case value.CanFloat():
		return strconv.FormatFloat(value.Float(), 'f', -1, 64), true
	default:
		return "", false
	}
}

// joined turns a list of plain values into one text with commas and leaves
// everything else alone: "ports: [21100-21149, 21160]".
func joined(raw any) any {
	entries, ok := asList(raw)
	if !ok {
		return raw
	}
	parts := make([]string, len(entries))
	for i, entry := range entries {
		text, ok := scalarText(entry)
		if !ok {
			return raw
		}
		parts[i] = text
	}
	return strings.Join(parts, ",")
}

func splitCommas(text string) []any {
	entries := []any{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			entries = append(entries, part)
		}
	}
	return entries
}

// describe names the kind of a value, but never the value: it may be secret.
func describe(raw any) string {
	switch reflect.ValueOf(raw).Kind() {
	case reflect.Invalid:
		return "nothing"
	case reflect.Map:
		return "keys with values"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		return "a date (write it in quotes if it is a text)"
	default:
		return "a number"
	}
}
