package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Validate checks what the values mean together. Its error joins every Fault;
// Load calls it, so it is for a Config that was made or changed in code.
func (c *Config) Validate() error {
	v := &validation{Config: c}
	v.checkListeners()
	v.checkPassive()
	v.checkSlice()
	v.checkPublicAddress()
	v.checkActive()
	v.checkTLS()
	v.checkGroups()
	v.checkUsers("users", v.Users, v.knowsClientCertificates())
	v.checkAuth()
	v.checkHosts()
	v.checkBuckets()
	v.checkHooks()
	v.checkLimits()
	v.checkShared()
	v.checkDefence()
	v.checkRest()
	v.checkTracing()
	v.checkDrain()
	v.checkAdmin()
	return errors.Join(v.found...)
}

// validation collects the faults of one Config.
type validation struct {
	*Config
	found []error
}

func (v *validation) add(key, format string, args ...any) {
	v.addFrom(key, key, format, args...)
}

// addFrom is add for a key that is missing because of what another one says.
func (v *validation) addFrom(other, key, format string, args ...any) {
	v.found = append(v.found, &Fault{Source: v.Source(other), Key: key, Problem: fmt.Sprintf(format, args...)})
}

func (v *validation) checkRest() {
	v.oneOf("sandbox", v.Sandbox)
	v.oneOf("log.level", v.Log.Level)
	v.oneOf("log.format", v.Log.Format)
	v.oneOf("log.sampling", v.Log.Sampling)
	v.checkLogFiles()
	v.checkBanner("banner", v.Banner)
}

// checkLogFiles wants a file for each log: no reader of one understands another.
func (v *validation) checkLogFiles() {
	taken := map[Path]string{}
	for _, log := range []struct {
		key  string
		file Path
	}{
		{"log.file", v.Log.File}, {"log.commands", v.Log.Commands}, {"log.audit", v.Log.Audit}, {"log.xferlog", v.Log.Xferlog}, {"log.w3c", v.Log.W3C},
	} {
		isDevice := strings.HasPrefix(string(log.file), "/dev/") // such as /dev/stdout
		if other := taken[log.file]; other != "" {
			v.add(log.key, "is the file of %s, too: give each log a file of its own", other)
		} else if log.file != "" && !isDevice {
			taken[log.file] = log.key
		}
	}
}

func (v *validation) checkBanner(key, banner string) {
	if strings.ContainsFunc(banner, unicode.IsControl) {
		v.add(key, "holds a line break or another control character: write one line of plain text")
	}
}

func (v *validation) notNegative(key string, d time.Duration, zero string) {
	if d < 0 {
		v.add(key, "%v is negative: write 0s for %s", d, zero)
	}
}

// oneOf checks a value that only a Config made in code can have wrong.
func (v *validation) oneOf(path, value string) {
	for _, k := range settings() {
		if k.path != path {
			continue
		}
		if _, err := parse(k, value); err != nil {
			v.add(path, "%v", err)
		}
	}
}
