package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// decoder turns what a file, a variable or a flag says into the types of
// Config. A value that is wrong becomes a fault and is left out. It does this
// before the sources are merged, because only then is it known which of them
// is to blame.
type decoder struct {
	faults
	// directory is where relative paths start. Empty: as they are.
	directory string
}

// section decodes the keys of a struct into a tree of typed values.
func (d *decoder) section(path string, t reflect.Type, raw any) map[string]any {
	tree := map[string]any{}
	d.eachKey(path, t, raw, func(k key, raw any) {
		if k.isSection() {
			tree[k.name] = d.section(k.path, k.typ, raw)
		} else if value, ok := d.value(k, raw); ok {
			tree[k.name] = value.Interface()
		}
	})
	return tree
}

// eachKey visits the keys that raw sets. An unknown key is a fault, and one
// without a value counts as not set.
func (d *decoder) eachKey(path string, t reflect.Type, raw any, visit func(key, any)) {
	if raw == nil {
		return
	}
	entries, ok := asMap(raw)
	if !ok {
		d.add(path, "wants keys with values below it, not %s", describe(raw))
		return
	}
	keys := keysOf(t, path)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		k, known := find(keys, name)
		switch {
		case !known && !isWord(name):
			// It may be a piece of a secret, so it is not repeated.
			d.add(path, "has a key that is not a word: put texts with commas, colons and the like in quotes")
		case !known:
			d.add(join(path, name), "%s", unknown("key", name, names(keys)))
		case entries[name] != nil:
			visit(k, entries[name])
		}
	}
}

func isWord(name string) bool {
	return len(name) <= 40 && !strings.ContainsFunc(name, func(c rune) bool {
		return c != '_' && c != '-' && c != '.' && !unicode.IsLetter(c) && !unicode.IsDigit(c)
	})
}

// value decodes one value. It reports false after a fault.
func (d *decoder) value(k key, raw any) (reflect.Value, bool) {
	switch {
	case k.typ == reflect.TypeFor[time.Duration]() || isText(k.typ):
		return d.fromText(k, joined(raw))
	case k.typ == reflect.TypeFor[AddressRules]():
		return d.list(k, asRules(raw))
	case k.typ.Kind() == reflect.Struct:
		return d.item(k, raw)
	case k.typ.Kind() == reflect.Slice:
		return d.list(k, raw)
	default:
		return d.fromText(k, raw)
	}
}

// fromText decodes a value that is written as one text.
func (d *decoder) fromText(k key, raw any) (reflect.Value, bool) {
	text, ok := scalarText(raw)
	if _, isString := raw.(string); !isString && k.typ == reflect.TypeFor[Umask]() {
		ok = false // 027 without quotes has become the number 23
	}
	if day, isTime := raw.(time.Time); isTime && k.typ == reflect.TypeFor[Date]() {
		text, ok = day.Format(time.DateOnly), true // as YAML and TOML read it
	}
	if !ok {
		d.add(k.path, "wants %s, not %s", wanted(k), describe(raw))
		return reflect.Value{}, false
	}
	value, err := parse(k, text)
	if err != nil {
		d.add(k.path, "%s", strings.TrimPrefix(err.Error(), "portalloc: "))
		return reflect.Value{}, false
	}
	if path, isPath := value.Interface().(Path); isPath {
		value = reflect.ValueOf(path.under(d.directory))
	}
	return value, true
}

// list decodes each item of a list. A list of plain values may be one text
// with commas.
func (d *decoder) list(k key, raw any) (reflect.Value, bool) {
	item := key{typ: k.typ.Elem(), oneOf: k.oneOf}
	entries, ok := asList(raw)
	if text, isText := scalarText(raw); !ok && isText && !item.isSection() {
		entries, ok = splitCommas(text), true
	}
	if !ok {
		d.add(k.path, "wants a list, not %s", describe(raw))
		return reflect.Value{}, false
	}
	values := reflect.MakeSlice(k.typ, 0, len(entries))
	for i, entry := range entries {
		item.path = fmt.Sprintf("%s[%d]", k.path, i)
		value, decoded := d.value(item, entry)
		ok = ok && decoded
		if decoded {
			values = reflect.Append(values, value)
		}
	}
	return values, ok
}

// item decodes a struct that is an item of a list.
func (d *decoder) item(k key, raw any) (reflect.Value, bool) {
	before := len(d.faults.found)
	item := newItem(k.typ)
	if raw == nil {
		d.add(k.path, "wants keys with values, not nothing")
	}
	d.eachKey(k.path, k.typ, raw, func(field key, raw any) {
		if value, ok := d.value(field, raw); ok {
			item.FieldByIndex(field.index).Set(value)
			if n, ok := item.Addr().Interface().(interface{ note(key string) }); ok {
				n.note(field.name)
			}
		}
	})
	return item, len(d.faults.found) == before
}

// asRules expands the short form of AddressRules.
func asRules(raw any) any {
	address, ok := scalarText(raw)
	switch {
	case !ok:
		return raw
	case address == "":
		return []any{}
	default:
		return []any{map[string]any{"address": address}}
	}
}
