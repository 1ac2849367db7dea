package config

import (
	"fmt"
	"path"
	"reflect"
	"strings"
	"unicode"
)

// checkPlace checks a home or a mount; dirKey is the name of its key for the
// directory.
func (v *validation) checkPlace(key, dirKey string, dir Path, create bool, p Place) {
	isMemory := p.Storage == "memory"
	switch {
	case p.Storage == "object":
		v.checkObjectPlace(key, dirKey, dir, create, p)
	case dir == "" && !isMemory:
		v.add(key+"."+dirKey, "is missing: name the directory that the user sees")
	case dir != "" && isMemory:
		v.add(key+"."+dirKey, "is for storage local and overlay: memory has no directory, so leave it out")
	case create && isMemory:
		v.add(key+".storage", "memory needs no directory to be made: leave that out")
	}
	v.checkStorage(key, p)
}

// checkStorage checks what is said about a directory, wherever it is.
func (v *validation) checkStorage(key string, p Place) {
	if (p.Base != "") != (p.Storage == "overlay") {
		v.add(key+".base", "goes with storage overlay, and only there: set both or neither")
	}
	if (p.Bucket != "" || p.Prefix != "") && p.Storage != "object" {
		v.add(key+".bucket", "and prefix go with storage object, and only there: remove them, or set storage: object")
	}
	if p.Permissions != nil && len(p.Permissions) == 0 {
		v.add(key+".permissions", "is empty, which allows nothing: name some, or leave the key out to allow everything")
	}
	v.checkUnique(key+".permissions", p.Permissions)
	v.notNegative(key+".keep_partials", p.KeepPartials, "keeping them for good")
	if err := p.Umask.check(); err != nil {
		v.add(key+".umask", "%v", err)
	}
	v.checkWords(key, p)
}

// checkWords finds what only a Config made in code can have wrong. Empty is the
// default.
func (v *validation) checkWords(key string, p Place) {
	for _, word := range []struct{ key, value string }{
		{"storage", p.Storage}, {"uploads", p.Uploads}, {"symlinks", p.Symlinks},
	} {
		k, _ := find(keysOf(reflect.TypeFor[Place](), key), word.key)
		if _, err := parse(k, word.value); err != nil && word.value != "" {
			v.add(k.path, "%v", err)
		}
	}
}

func (v *validation) checkMounts(list string, mounts []Mount) {
	first := map[string]int{}
	for i, m := range mounts {
		key := fmt.Sprintf("%s[%d]", list, i)
		j, seen := first[m.Path]
		switch {
		case m.Path == "":
			v.add(key+".path", "is missing: write where the user sees the directory, such as /pub")
		case m.Path == "/":
			v.add(key+".path", "/ is the home: set it with the keys of the user")
		case !path.IsAbs(m.Path) || path.Clean(m.Path) != m.Path || strings.ContainsFunc(m.Path, unicode.IsControl):
			v.add(key+".path", "%q is not a path such as /pub: write it from / on, without .., double or closing slashes", m.Path)
		case seen:
			v.add(key+".path", "%s is also the path of %s[%d]: give each mount a path of its own", m.Path, list, j)
		default:
			first[m.Path] = i
		}
		v.checkPlace(key, "dir", m.Dir, m.Create, m.Place)
	}
}

func (v *validation) checkQuota(key string, u Account) {
	switch {
	case u.Quota.Files < 0:
		v.add(key+".files", "%d is negative: write 0 for no limit", u.Quota.Files)
	case u.Quota.Bytes < 0:
		v.add(key+".bytes", "%d is negative: write 0 for no limit", int64(u.Quota.Bytes))
	case u.Quota == Quota{}:
		return
	}
	if u.Storage != "" && u.Storage != "local" {
		v.add(key, "goes with storage local alone: remove it, or change the storage")
	}
	if v.QuotaFile == "" && v.Shared.Redis == "" {
		v.add(key, "needs quota_file: name a file in which use is counted across restarts")
	}
}
