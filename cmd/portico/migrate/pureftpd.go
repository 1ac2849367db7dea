package migrate

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pureftpd is version 1.0. Its settings have a letter on the command line, a
// line in pure-ftpd.conf, and on Debian a file each in /etc/pure-ftpd/conf.
func pureftpd() Server {
	no := []string{"no"}
	anonymous := "NoAnonymous no"
	return Server{
		Name: "pure-ftpd", Title: "Pure-FTPd: pure-ftpd.conf, and flags",
		Intro: "`portico config import` reads `pure-ftpd.conf`, a directory with a file for each setting (`/etc/pure-ftpd/conf`), and a file with a command line of short " +
			"flags (`-A -c 50 -p 30000:30010`).\n\n" +
			"- Users of PureDB: `pure-pw` keeps `$argon2id$`, `$6$` or `$2` hashes in `/etc/pureftpd.passwd`, which `users[].password` takes as they are. Those of the system have to be " +
			"added, because there is no PAM.\n" +
			"- Without `NoAnonymous`, Pure-FTPd lets anonymous users in if the machine has a user `ftp`.",
		fold: true, read: readPureftpd, before: pureftpdUsers, after: pureftpdNetwork,
		Settings: []Setting{
			{Name: "Bind", Flag: "S", Keys: []string{"listeners"}, Note: "`ADDRESS,PORT`.", take: asText, example: "192.0.2.1,2121"},
			{Name: "IPV4Only", Flag: "4", Keys: []string{"listeners"}, Note: "The address `0.0.0.0`.", take: isBool, example: "yes"},
			{Name: "IPV6Only", Flag: "6", Keys: []string{"listeners"}, Note: "The address `::`, which takes IPv4 as well.", take: isBool, example: "yes"},
			{Name: "PassivePortRange", Flag: "p", Keys: []string{"passive.ports"}, Note: "Few ports are enough: `portico plan`.", take: pureftpdPorts, example: "30000 30010"},
			{Name: "ForcePassiveIP", Flag: "P", Keys: []string{"passive.public_address"}, take: text("passive.public_address"), example: "192.0.2.1"},
			{Name: "NATmode", Flag: "N", Fate: Without, Note: "Passive mode works behind a NAT with `passive.public_address`; `portico doctor` says what is blocked.", harmless: no},
			{Name: "AllowUserFXP", Flag: "w", Keys: []string{"active.foreign_address"}, Note: "For everybody. Passive connections from elsewhere: `passive.peer`.", take: when("active.foreign_address", true, nil), example: "yes"},
			{Name: "AllowAnonymousFXP", Flag: "W", Keys: []string{"active.foreign_address"}, Note: asAbove, take: when("active.foreign_address", true, nil), example: "yes"},
			{Name: "TrustedIP", Flag: "V", Fate: ByHand, Note: "A virtual host, or `networks` of the users."},

			{Name: "MaxClientsNumber", Flag: "c", Keys: []string{"limits.sessions"}, Note: "Pure-FTPd has 50 without it; Portico needs no half of the passive ports.", take: count("limits.sessions"), example: "100"},
			{Name: "MaxClientsPerIP", Flag: "C", Keys: []string{"limits.sessions_per_ip"}, take: count("limits.sessions_per_ip"), example: "8"},
			{Name: "PerUserLimits", Flag: "y", Keys: []string{"limits.sessions_per_user"}, Note: "The second number is `limits.sessions` of the anonymous user.", take: pureftpdPerUser, example: "3:20"},
			{Name: "MaxIdleTime", Flag: "I", Keys: []string{"limits.idle_timeout"}, Note: "Minutes.", take: duration("limits.idle_timeout", time.Minute), example: "20"},
			{Name: "MaxLoad", Flag: "m", Fate: Without, Note: "`limits` on sessions and bandwidth bound the load.", harmless: []string{"0"}},
			{Name: "MaxDiskUsage", Flag: "k", Fate: ByHand, Note: "`quota` of users or groups.", harmless: []string{"100"}},
			{Name: "UserBandwidth", Flag: "T", Keys: []string{"limits.upload_rate_per_session", "limits.download_rate_per_session"}, Note: "KB per second, of each session.", take: pureftpdBandwidth, example: "100:200"},
			{Name: "AnonymousBandwidth", Flag: "t", Keys: []string{"users"}, Note: "`limits` of the anonymous user, which hold for all its sessions together.", take: pureftpdBandwidth, example: "8:16", context: anonymous},
			{Name: "UserRatio", Flag: "Q", Fate: Without, Note: "There are no ratios."},
			{Name: "AnonymousRatio", Flag: "q", Fate: Without, Note: asAbove},
			{Name: "Quota", Flag: "n", Keys: []string{"quota_file", "groups"}, Note: "`quota` of the group, and a file to count in.", take: pureftpdQuota, example: "1000:10"},
			{Name: "LimitRecursion", Flag: "L", Fate: Always, Note: "LIST lists one directory, of any size."},

			{Name: "NoAnonymous", Flag: "E", Keys: []string{"users"}, Note: "`no`: a user with `anonymous: true`.", take: isBool, example: "no"},
			{Name: "AnonymousOnly", Flag: "e", Fate: ByHand, Note: "Add no users but the anonymous one.", harmless: no},
			{Name: "AnonymousCantUpload", Flag: "i", Keys: []string{"users"}, Note: "`no`: the permission write of the anonymous user.", take: isBool, example: "no", context: anonymous},
			{Name: "AnonymousCanCreateDirs", Flag: "M", Keys: []string{"users"}, Note: "The permission mkdir of the anonymous user.", take: isBool, example: "yes", context: anonymous},
			{Name: "AntiWarez", Flag: "s", Fate: ByHand, Note: "A mount with the permission write alone is a drop box, from which nobody can read.", harmless: no},
			{Name: "KeepAllFiles", Flag: "K", Keys: []string{"groups"}, Note: "Without the permissions delete, overwrite and rename.", take: isBool, example: "yes"},
			{Name: "NoRename", Flag: "G", Keys: []string{"groups"}, Note: "Without the permission rename.", take: isBool, example: "yes"},
			{Name: "NoChmod", Flag: "R", Keys: []string{"groups"}, Note: "Without the permission chmod.", take: isBool, example: "yes"},
			{Name: "AutoRename", Flag: "r", Keys: []string{"groups"}, Note: "Without the permission overwrite: a second file of a name is refused, not renamed. Clients that use STOU get a new name.", take: isBool, example: "yes"},
			{Name: "Umask", Flag: "U", Keys: []string{"groups"}, Note: "`umask`, one for files and directories: that of directories is taken.", take: pureftpdUmask, example: "133:022"},
			{Name: "CreateHomeDir", Flag: "j", Keys: []string{"groups"}, Note: "`create_home`.", take: pureftpdCreateHome, example: "yes"},
			{Name: "ChrootEveryone", Flag: "A", Fate: Always, Note: "Everybody is confined to the home."},
			{Name: "TrustedGID", Flag: "a", Fate: ByHand, Note: "Who is to see more gets another `home`, or `mounts`."},
			{Name: "MinUID", Flag: "u", Fate: Always, Note: "Users are no users of the machine."},
			{Name: "ProhibitDotFilesWrite", Flag: "x", Fate: Without, Note: "Names are not filtered.", harmless: no},
			{Name: "ProhibitDotFilesRead", Flag: "X", Fate: Without, Note: asAbove, harmless: no},
			{Name: "AllowDotFiles", Flag: "z", Fate: Always, Note: asAbove},
			{Name: "DisplayDotFiles", Flag: "D", Fate: Without, Note: "LIST -a and MLSD show files that start with a dot.", harmless: no},
			{Name: "CustomerProof", Flag: "Z", Fate: Without, Note: "Take away the permission chmod.", harmless: no},
			{Name: "NoTruncate", Flag: "0", Fate: Always, Note: "Uploads appear when they are complete, with quotas too."},

			{Name: "UnixAuthentication", Fate: ByHand, Note: "Users of the machine have to be added: `portico user add`. Their hashes in `/etc/shadow` can be taken over.", harmless: no},
			{Name: "PAMAuthentication", Fate: ByHand, Note: "There is no PAM.", harmless: no},
			{Name: "PureDB", Fate: ByHand, Note: "Take the hashes from the text file that `pure-pw mkdb` reads."},
			{Name: "LDAPConfigFile", Fate: ByHand, Note: "`auth.ldap`."},
			{Name: "MySQLConfigFile", Fate: ByHand, Note: "`auth.sql`."},
			{Name: "PGSQLConfigFile", Fate: ByHand, Note: "`auth.sql`."},
			{Name: "ExtAuth", Fate: ByHand, Note: "`auth.http`: a web server is asked who may log in."},
			{Name: "login", Flag: "l", Fate: ByHand, Note: "The ways to log in, as above: `auth`."},

			{Name: "TLS", Flag: "Y", Keys: []string{"tls.require"}, Note: "1 is `none`, 2 `login`, 3 `data`. TLS is on when there is a certificate.", take: pureftpdTLS, example: "2", context: "CertFile /etc/ssl/cert.pem"},
			{Name: "CertFile", Flag: "2", Keys: []string{"tls.certificate", "tls.key"}, Note: "Certificate and key in one file. The flag takes `CERT,KEY`, too.", take: asText, example: "/etc/ssl/pure.pem", context: "TLS 1"},
			{Name: "CertFileAndKey", Keys: []string{"tls.certificate", "tls.key"}, take: asText, example: `"/etc/pure.pem" "/etc/pure.key"`, context: "TLS 1"},
			{Name: "TLSCipherSuite", Flag: "J", Fate: Without, Note: "The cipher suites are those that Go takes for safe. For `-C:`, which requires certificates of clients: `tls.client_ca`."},
			{Name: "ExtCert", Flag: "3", Fate: ByHand, Note: "`hosts[].certificate`: a certificate for each name."},

			{Name: "AltLog", Flag: "O", Keys: []string{"log.xferlog", "log.w3c"}, Note: "The formats xferlog and w3c. clf and stats: use one of them.", take: pureftpdLog, example: "w3c:/var/log/w3c.log"},
			{Name: "VerboseLog", Flag: "d", Keys: []string{"log.level"}, Note: "`debug`. `log.commands` names a file for all commands.", take: when("log.level", "debug", nil), example: "yes"},
			{Name: "SyslogFacility", Flag: "f", Fate: Always, Note: "The log goes to standard error, from where systemd takes it to the journal."},
			{Name: "LogPID", Flag: "1", Fate: Always, Note: "Each session has a number in the log."},
			{Name: "DontResolve", Flag: "H", Fate: Always, Note: "Addresses are never looked up."},
			{Name: "FortunesFile", Flag: "F", Fate: Without, Note: "`banner` is one line of text."},
			{Name: "CallUploadScript", Flag: "o", Fate: ByHand, Note: "`hooks` with the event upload: a command, or a web server.", harmless: no},
			{Name: "Daemonize", Flag: "B", Fate: Always, Note: "systemd starts it."},
			{Name: "PIDFile", Flag: "g", Fate: Always, Note: asAbove},
			{Name: "BrokenClientsCompatibility", Flag: "b", Fate: Always, Note: "What clients are known to need is always on."},
			{Name: "FSCharset", Fate: Always, Note: "Names are UTF-8; other bytes pass.", harmless: []string{"UTF-8"}},
			{Name: "ClientCharset", Fate: Without, Note: "Names are not converted.", harmless: []string{"UTF-8"}},
			{Name: "Bonjour", Flag: "v", Fate: Without, Note: "The server does not announce itself."},
		},
	}
}

// readPureftpd reads lines of a name and a value, or of short flags.
func readPureftpd(text string) []Given {
	var all []Given
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "-"):
			all = append(all, readFlags(strings.Fields(line), i+1)...)
		default:
			name, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
			all = append(all, Given{Name: name, Value: strings.TrimSpace(value), Line: i + 1})
		}
	}
	return all
}

// readFlags reads "-A -c 50 -S127.0.0.1,21": those that take a value have it
// behind them, or are followed by it.
func readFlags(words []string, line int) []Given {
	settings := pureftpd().Settings
	const withValue = "23acCfFgIJklLmnOpPqQSTtuUvVyY"
	var all []Given
	for i := 0; i < len(words); i++ {
		word := words[i]
		if len(word) < 2 || word[0] != '-' || word[1] == '-' {
			all = append(all, Given{Name: word, Line: line, Broken: "is no short flag (write -c 50 instead of --maxclientsnumber 50)"})
			continue
		}
		for at, r := range word {
			if at == 0 {
				continue
			}
			letter := string(r)
			g := Given{Name: "-" + letter, Value: "yes", Line: line}
			if n := slices.IndexFunc(settings, func(s Setting) bool { return s.Flag == letter }); n >= 0 {
				g.Name = settings[n].Name
			}
			if strings.Contains(withValue, letter) {
				g.Value = word[at+1:]
				if g.Value == "" && i+1 < len(words) {
					i++
					g.Value = words[i]
				}
				all = append(all, g)
				break
			}
			all = append(all, g)
		}
	}
	return all
}

// pureftpdUsers settles the group and the anonymous user.
func pureftpdUsers(d *draft) {
	d.note("the home of the group is a guess: Pure-FTPd takes it from the list of users")
	may, why := everything(), []string{}
	without := func(setting string, list ...string) {
		if d.yes(setting, false) {
			why = append(why, setting)
			for _, permission := range list {
				delete(may, permission)
			}
		}
	}
	without("KeepAllFiles", "delete", "overwrite", "rename")
	without("NoRename", "rename")
	without("NoChmod", "chmod")
	without("AutoRename", "overwrite")
	put(d.group, "home", "/home/%u", "")
	put(d.group, "permissions", permissions(may), strings.Join(why, ", "))
	put(d.group, "umask", "022", "Pure-FTPd's default")
	put(d.root, "auth.file.path", "users.yaml", "portico user add writes it")
	if d.yes("NoAnonymous", false) {
		return
	}
	user := d.withAnonymous()
	may = map[string]bool{"list": true, "read": true, "write": !d.yes("AnonymousCantUpload", false), "mkdir": d.yes("AnonymousCanCreateDirs", false)}
	put(user, "home", "/srv/ftp", "NoAnonymous is not yes; the home of the machine's user ftp")
	put(user, "permissions", permissions(may), "AnonymousCantUpload, AnonymousCanCreateDirs")
	d.note("the home of the anonymous user is a guess; remove the user if the machine has no user ftp")
}

// two splits "a:b" or "a b".
func two(value string) (string, string) {
	first, second, found := strings.Cut(value, ":")
	if !found {
		first, second, _ = strings.Cut(value, " ")
	}
	return strings.TrimSpace(first), strings.TrimSpace(second)
}

func pureftpdPorts(d *draft, g Given) error {
	list, err := ports(two(g.Value))
	if err == nil {
		d.set("passive.ports", list, g)
	}
	return err
}

func pureftpdPerUser(d *draft, g Given) error {
	each, anonymous := two(g.Value)
	n, err := strconv.Atoi(each)
	m, anonymousErr := strconv.Atoi(anonymous)
	if err := errors.Join(err, anonymousErr); err != nil || n < 0 || m < 0 {
		return errors.New("is not two numbers")
	}
	d.set("limits.sessions_per_user", n, g)
	if d.anonymous != nil {
		put(d.anonymous, "limits.sessions", m, g.Name)
	}
	return nil
}

func pureftpdBandwidth(d *draft, g Given) error {
	up, down := two(g.Value)
	if !strings.Contains(g.Value, ":") {
		down = up
	}
	node, upload, download := d.root, "limits.upload_rate_per_session", "limits.download_rate_per_session"
	if g.Name == "AnonymousBandwidth" {
		if d.anonymous == nil {
			return nil
		}
		node, upload, download = d.anonymous, "limits.upload_rate", "limits.download_rate"
	}
	for _, one := range []struct{ key, value string }{{upload, up}, {download, down}} {
		if one.value == "" {
			continue
		}
		bytes, err := rate(one.value, 1024)
		if err != nil {
			return err
		}
		put(node, one.key, bytes, g.Name+" "+g.Value)
	}
	return nil
}

func pureftpdQuota(d *draft, g Given) error {
	files, size := two(g.Value)
	n, err := strconv.Atoi(files)
	m, sizeErr := strconv.Atoi(size)
	if err := errors.Join(err, sizeErr); err != nil || n < 0 || m < 0 {
		return errors.New("is not two numbers")
	}
	put(d.group, "quota.files", n, g.Name+" "+g.Value)
	put(d.group, "quota.bytes", strconv.Itoa(m)+"MiB", g.Name)
	d.set("quota_file", "quota.db", g)
	return nil
}

func pureftpdUmask(d *draft, g Given) error {
	files, directories := two(g.Value)
	if directories == "" {
		directories = files
	}
	mask, err := octal(directories)
	if err != nil {
		return err
	}
	put(d.group, "umask", mask, g.Name+" "+g.Value)
	if d.anonymous != nil {
		put(d.anonymous, "umask", mask, g.Name+" "+g.Value)
	}
	return nil
}

func pureftpdCreateHome(d *draft, g Given) error {
	on, err := parseBool(g.Value)
	if on {
		put(d.group, "create_home", true, g.Name)
	}
	return err
}

func pureftpdTLS(d *draft, g Given) error {
	require, isKnown := map[string]string{"0": "", "1": "none", "2": "login", "3": "data"}[g.Value]
	if !isKnown {
		return errors.New("is none of 0, 1, 2, 3")
	}
	if require != "" {
		d.set("tls.require", require, g)
	}
	return nil
}

func pureftpdLog(d *draft, g Given) error {
	format, file, _ := strings.Cut(g.Value, ":")
	switch strings.ToLower(format) {
	case "xferlog", "w3c":
		d.set("log."+strings.ToLower(format), file, g)
		return nil
	default:
		return errors.New("there is no such format: use log.w3c or log.xferlog")
	}
}

func pureftpdNetwork(d *draft) {
	host, port := "", "21"
	if bind := d.value("Bind", ""); bind != "" {
		var found bool
		if host, port, found = strings.Cut(bind, ","); !found || port == "" {
			port = "21"
		}
	}
	switch {
	case host == "" && d.yes("IPV4Only", false):
		host = "0.0.0.0"
	case host == "" && d.yes("IPV6Only", false):
		host = "::"
	}
	if at, err := address(host, port); err != nil {
		d.note("Bind: " + err.Error())
	} else {
		d.setDefault("listeners", []any{map[string]any{"address": at}}, "Bind, IPV4Only, IPV6Only")
	}
	if _, isGiven := d.given["PassivePortRange"]; !isGiven {
		d.note("Pure-FTPd uses any passive port; Portico uses those of passive.ports alone, 21100-21199 by default: open them in the firewall, and close the others")
	}
	if d.value("TLS", "0") == "0" {
		return
	}
	certificate, why := "/etc/ssl/private/pure-ftpd.pem", "Pure-FTPd's default"
	key := certificate
	if file := d.value("CertFile", ""); file != "" {
		why = "CertFile"
		certificate, key, _ = strings.Cut(file, ",")
	}
	if fields := strings.FieldsFunc(d.value("CertFileAndKey", ""), func(r rune) bool { return r == ' ' || r == '"' || r == '\t' }); len(fields) == 2 {
		certificate, key, why = fields[0], fields[1], "CertFileAndKey"
	}
	if key == "" {
		key = certificate
	}
	d.setDefault("tls.certificate", certificate, "TLS, "+why)
	d.setDefault("tls.key", key, why)
}
