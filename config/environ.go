package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const envPrefix = "PORTICO_"

// EnvName returns the environment variable of a key: "passive.ports" is
// PORTICO_PASSIVE_PORTS.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// variable is one environment variable that sets a key.
type variable struct {
	key   key
	value any
}

// readEnviron decodes the variables whose names start with PORTICO_. An empty
// one counts as not set.
func readEnviron(environ []string) ([]variable, []error) {
	keys := settings()
	var variables []variable
	var list []error
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if text == "" || !strings.HasPrefix(name, envPrefix) {
			continue
		}
		i := slices.IndexFunc(keys, func(k key) bool { return EnvName(k.path) == name })
		d := decoder{faults: faults{source: envSource(name)}}
		switch {
		case i >= 0:
			if value, ok := d.variable(keys[i], text); ok {
				variables = append(variables, variable{keys[i], value.Interface()})
			}
		case !isForeign(name, text):
			d.add("", "%s", unknown("variable", name, envNames(keys)))
		}
		list = append(list, d.faults.found...)
	}
	return variables, list
}

func envSource(name string) string { return "environment variable " + name }

// variable decodes the text of a variable: YAML where it looks like a list or
// keys and the key takes such, a plain value otherwise.
func (d *decoder) variable(k key, text string) (reflect.Value, bool) {
	takesList := k.typ.Kind() == reflect.Slice || k.typ.Kind() == reflect.Struct
	start := strings.TrimSpace(text)
	if !takesList || start == "" || !strings.ContainsAny(start[:1], "[{-") {
		return d.value(k, text)
	}
	var raw any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		d.add(k.path, "is neither YAML nor JSON: %v", err)
		return reflect.Value{}, false
	}
	return d.value(k, raw)
}

// isForeign recognizes the variables that are not for this package: those of
// commands, and the service links that Kubernetes puts
// into each pod of a namespace in which a Service is named portico or
// portico-….
func isForeign(name, text string) bool {
	if slices.Contains([]string{"PASSWORD", "ADMIN_TOKEN", "USER", "PASSWORD_HASH"}, strings.TrimPrefix(name, envPrefix)) {
		return true
	}
	serviceLink := regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	// PORTICO_PASSIVE_PORT alone may be a link or a slip for
	// PORTICO_PASSIVE_PORTS: the value tells.
	return serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(text, "://")
}

func envNames(keys []key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = EnvName(k.path)
	}
	return all
}
