package config

import "reflect"

// Changed lists the keys whose values differ in two configurations, in the order
// of the file format. A list is one key.
func Changed(before, after *Config) []string {
	var keys []string
	a, b := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	for _, k := range settings() {
		if !same(valueAt(a, k.path), valueAt(b, k.path)) {
			keys = append(keys, k.path)
		}
	}
	return keys
}

func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true // absent and empty are the same for every list of Config
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
