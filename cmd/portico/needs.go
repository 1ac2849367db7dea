package main

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
)

// needs is what a server of this configuration must still be able to do once it
// is confined. Whatever opens a file, starts a program, or binds or connects a
// port while the server runs has its line here. A test finds keys of the
// configuration that name paths and are not covered.
func (s *setup) needs() confine.Needs {
	all := s.configuredNeeds()
	all.Add(s.allowedNeeds())
	return all
}

// configuredNeeds are needs without what is allowed by hand.
func (s *setup) configuredNeeds() confine.Needs {
	var all confine.Needs
	for _, of := range []func() confine.Needs{
		s.systemNeeds,
		s.configurationNeeds,
		s.certificateNeeds,
		s.portNeeds,
		s.activeNeeds,
		s.nameNeeds,
		s.homeNeeds,
		s.sourceNeeds,
		s.bucketNeeds,
		s.stateNeeds,
		s.sharedNeeds,
		s.defenceNeeds,
		s.hookNeeds,
		s.tracingNeeds,
		s.adminNeeds,
	} {
		all.Add(of())
	}
	return all
}

// systemNeeds are the time zones, what the standard library opens for programs
// that it starts, and the socket of the service manager.
func (s *setup) systemNeeds() confine.Needs {
	return confine.Needs{
		AbstractSockets: strings.HasPrefix(os.Getenv("NOTIFY_SOCKET"), "@"),

		Read:  []string{"/etc/localtime", "/usr/share/zoneinfo"},
		Write: []string{os.DevNull},
	}
}

// configurationNeeds let the configuration be read again.
func (s *setup) configurationNeeds() confine.Needs { return rereading(config.Path(s.file)) }

// certificateNeeds let certificates be read again once they are renewed.
func (s *setup) certificateNeeds() confine.Needs {
	files := []config.Path{s.config.TLS.Certificate, s.config.TLS.Key, s.config.TLS.ClientCA}
	for _, h := range s.config.Hosts {
		files = append(files, h.Certificate, h.Key, h.ClientCA)
	}
	return rereading(files...)
}

// rereading is what it takes to read files again after somebody has replaced
// them.
func rereading(files ...config.Path) confine.Needs {
	var needs confine.Needs
	for _, file := range files {
		if file != "" {
			needs.Read = append(needs.Read, confine.FollowedFile(absolute(file))...)
		}
	}
	return needs
}

func absolute(path config.Path) string {
	full, err := filepath.Abs(string(path))
	if err != nil { // the working directory is gone
		return string(path)
	}
	return full
}

// portNeeds are the ports for clients.
func (s *setup) portNeeds() confine.Needs {
	needs := confine.Needs{Bind: append(portalloc.PortList(nil), s.config.Passive.Ports...)}
	for _, port := range s.controlPorts() {
		needs.Bind = append(needs.Bind, confine.Port(port)...)
	}
	return needs
}

// activeNeeds are the ports of data connections in active mode.
func (s *setup) activeNeeds() confine.Needs {
	if !s.config.Active.Enabled {
		return confine.Needs{}
	}
	needs := confine.Needs{AnyConnect: "active.enabled has the server connect to whichever port a client names"}
	source := s.config.Active.SourcePort
	if source == config.SourcePortAuto {
		source = ftpDataPort
	}
	if port, isNumber := source.Number(); isNumber {
		needs.Bind = confine.Port(port)
	}
	return needs
}

// nameNeeds are those of the addresses that are names.
func (s *setup) nameNeeds() confine.Needs {
	var hosts []string
	for _, rule := range s.config.Passive.PublicAddress {
		if rule.Address != "local" {
			hosts = append(hosts, rule.Address)
		}
	}
	for _, l := range s.config.Listeners {
		host, _, _ := net.SplitHostPort(l.Address)
		hosts = append(hosts, host)
	}
	return resolving(hosts...)
}

// resolving is what it takes to look up names, nothing for plain addresses.
func resolving(hosts ...string) confine.Needs {
	for _, host := range hosts {
		if _, err := netip.ParseAddr(host); err == nil || host == "" {
			continue
		}
		var needs confine.Needs
		for _, file := range []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/host.conf"} {
			needs.Read = append(needs.Read, confine.FollowedFile(file)...)
		}
		needs.Connect = confine.Port(53) // for answers that are too long for UDP
		return needs
	}
	return confine.Needs{}
}

// homeNeeds are the homes and mounts of all users. Those of users whom another
// source knows come from groups, or are for sandbox_allow.
func (s *setup) homeNeeds() confine.Needs {
	var needs confine.Needs
	for _, user := range s.users {
		needs.Add(s.placeNeeds(user))
	}
	for _, host := range s.hosts {
		for _, user := range host.users {
			needs.Add(s.placeNeeds(user))
		}
	}
	for _, group := range s.groups {
		needs.Add(s.placeNeeds(group))
	}
	return needs
}

func (s *setup) placeNeeds(user driver.User) confine.Needs {
	home := driver.UserMount{Storage: user.Storage, Permissions: user.Permissions}
	if home.Storage.Dir == "" {
		home.Storage.Dir = user.Home
	}
	var needs confine.Needs
	for _, mount := range append([]driver.UserMount{home}, user.Mounts...) {
		needs.Read = append(needs.Read, expanded(mount.Storage.Base, user.Name)...)
		directory := expanded(mount.Storage.Dir, user.Name)
		switch {
		case len(directory) == 0:
		case mount.Storage.Create: // and to be made again, should it be removed
			needs.Write = append(needs.Write, filepath.Dir(directory[0]))
		case s.onlyRead(mount.Permissions):
			needs.Read = append(needs.Read, directory...)
		default:
			needs.Write = append(needs.Write, directory...)
		}
	}
	return needs
}

// onlyRead says whether nothing is ever changed with these permissions, of which
// 0 are those of a group.
func (s *setup) onlyRead(permissions driver.Permissions) bool {
	if permissions == 0 {
		permissions = driver.AllPermissions
	}
	return permissions&s.allow&^driver.ReadOnly == 0
}

// expanded is the directory of a template, or none. For a group, of which nobody
// knows the members, it is the directory that all of theirs are in.
func expanded(template, user string) []string {
	if template == "" {
		return nil
	}
	if before, _, found := strings.Cut(template, "%u"); found && user == "" {
		template = filepath.Dir(before + "x")
	}
	directory, err := driver.ExpandDir(template, user)
	if err != nil { // which was reported
		return nil
	}
	return []string{absolute(config.Path(directory))}
}

// stateNeeds are the files that the server writes for itself. New log files are
// made after the old ones were moved away, so their directories are needed.
func (s *setup) stateNeeds() confine.Needs {
	var needs confine.Needs
	for _, file := range []config.Path{s.config.QuotaFile, s.config.PIDFile} {
		if file != "" {
			needs.Write = append(needs.Write, absolute(file))
		}
	}
	for _, named := range logPaths(s.config.Log) {
		if named.path == "" {
			continue
		}
		file := absolute(config.Path(named.path))
		if directory := filepath.Dir(file); !confine.IsNearRoot(directory) && !strings.HasPrefix(file, "/dev/") {
			file = directory
		}
		needs.Write = append(needs.Write, file)
	}
	return needs
}

// defenceNeeds are the lists of networks, and the directory of the file of bans,
// which is replaced at each change.
func (s *setup) defenceNeeds() confine.Needs {
	d := s.config.Defence
	needs := rereading(d.AllowFile, d.DenyFile, d.OnlyFile)
	if d.BanFile != "" {
		needs.Write = append(needs.Write, filepath.Dir(absolute(d.BanFile)))
	}
	return needs
}

// hookNeeds are the programs and web servers that hear of events.
func (s *setup) hookNeeds() confine.Needs {
	var needs confine.Needs
	for _, hook := range s.config.Hooks {
		if len(hook.Command) > 0 {
			needs.Add(starting(hook.Command[0]))
			continue
		}
		needs.Add(reachingWeb(hook.URL.Reveal()))
		needs.Add(rereading(hook.SecretFile))
		if hook.Spool != "" {
			needs.Write = append(needs.Write, absolute(hook.Spool))
		}
	}
	return needs
}

// starting is what it takes to start a program, which is confined as the server
// is: its own directory, and what nearly every program needs.
func starting(program string) confine.Needs {
	needs := confine.Needs{
		Execute: []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/nix/store"},
		Read:    []string{"/etc", "/proc"},
	}
	if path, err := exec.LookPath(program); err == nil {
		needs.Execute = append(needs.Execute, confine.FollowedFile(absolute(config.Path(path)))...)
	}
	return needs
}

// allowedNeeds are what the configuration adds by hand.
func (s *setup) allowedNeeds() confine.Needs {
	allow := s.config.SandboxAllow
	return confine.Needs{
		Read: absoluteAll(allow.Read), Write: absoluteAll(allow.Write), Execute: absoluteAll(allow.Execute),
		Bind: allow.Bind, Connect: allow.Connect,
	}
}

func absoluteAll(paths []config.Path) []string {
	var all []string
	for _, path := range paths {
		all = append(all, absolute(path))
	}
	return all
}
