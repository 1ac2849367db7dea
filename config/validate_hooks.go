package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
)

func (v *validation) checkHooks() {
	first := map[Path]int{}
	for i, h := range v.Hooks {
		key := fmt.Sprintf("hooks[%d]", i)
		v.checkHookEvents(key+".events", h.Events)
		switch {
		case len(h.Command) > 0 && h.URL != "":
			v.add(key, "has a command and a url: make two hooks of it")
		case len(h.Command) > 0:
			v.checkHookCommand(key, h)
		case h.URL != "":
			v.checkWebhook(key, h, first, i)
		default:
			v.add(key, "does nothing: name a command, as [program, argument, ...], or a url")
		}
		v.atLeastOne(key+".concurrency", h.Concurrency)
		v.atLeastOne(key+".queue", h.Queue)
		if h.Timeout <= 0 {
			v.add(key+".timeout", "%v is no time to do anything in: write how long one may take, such as 30s", h.Timeout)
		}
		v.notNegative(key+".give_up_after", h.GiveUpAfter, "never giving up")
	}
}

func (v *validation) checkHookEvents(path string, events []string) {
	k, _ := find(keysOf(reflect.TypeFor[Hook](), ""), "events")
	if len(events) == 0 {
		v.add(path, "is missing: name the events that the hook is for, of %s", strings.Join(k.oneOf, ", "))
	}
	v.checkUnique(path, events)
	for i, event := range events { // what only a Config made in code can have wrong
		if _, err := parse(key{typ: k.typ.Elem(), oneOf: k.oneOf}, event); err != nil {
			v.add(fmt.Sprintf("%s[%d]", path, i), "%v", err)
		}
	}
}

// checkHookCommand does not look for the program: that is up to who starts it.
func (v *validation) checkHookCommand(key string, h Hook) {
	switch program := h.Command[0]; {
	case program == "":
		v.add(key+".command[0]", "is empty: name the program")
	case filepath.Base(program) != program && !filepath.IsAbs(program):
		v.add(key+".command[0]", "%q is no full path: write it from the root on, or a bare name to have it looked for in PATH", program)
	}
	for i, argument := range h.Command {
		if strings.ContainsRune(argument, 0) {
			v.add(fmt.Sprintf("%s.command[%d]", key, i), "holds a NUL, which no argument can")
		}
	}
	for _, foreign := range []struct {
		name  string
		isSet bool
	}{
		{"secret", h.Secret != ""}, {"secret_file", h.SecretFile != ""}, {"spool", h.Spool != ""}, {"give_up_after", h.GiveUpAfter != 0},
	} {
		if foreign.isSet {
			v.add(key+"."+foreign.name, "is for a url alone: remove it")
		}
	}
}

func (v *validation) checkWebhook(key string, h Hook, first map[Path]int, index int) {
	v.checkWebURL(key+".url", h.URL)
	switch {
	case h.Secret == "" && h.SecretFile == "":
		v.add(key+".secret", "is missing: set it to a random text that the receiver knows, too, or name a file that holds it in secret_file")
	case h.Secret != "" && h.SecretFile != "":
		v.add(key+".secret_file", "contradicts secret: keep one of them")
	}
	spool := Path(filepath.Clean(string(h.Spool)))
	switch j, seen := first[spool]; {
	case h.Spool == "":
		v.add(key+".spool", "is missing: name a directory in which events wait for the receiver, such as /var/lib/portico/hooks/%d", index)
	case seen:
		v.add(key+".spool", "is also the spool of hooks[%d]: give each hook a directory of its own", j)
	default:
		first[spool] = index
	}
	if h.Concurrency != DefaultHook().Concurrency {
		v.add(key+".concurrency", "is for a command alone: a url gets one event at a time, in their order; remove it")
	}
}

func (v *validation) atLeastOne(key string, n int) {
	if n < 1 {
		v.add(key, "%d is too few: write 1 or more", n)
	}
}

// checkWebURL repeats no part of the URL: it may hold a password.
func (v *validation) checkWebURL(key string, address URL) {
	target, err := url.Parse(address.Reveal())
	if err != nil || target.Hostname() == "" || (target.Scheme != "http" && target.Scheme != "https") {
		v.add(key, "is no address of a web server: write it as https://host/path")
	}
}
