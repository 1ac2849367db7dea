package migrate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// proftpd is version 1.3.
func proftpd() Server {
	off, on := []string{"off"}, []string{"on"}
	const tlsOn = "TLSEngine on\nTLSRSACertificateFile /etc/ssl/cert.pem\n"
	return Server{
		Name: "proftpd", Title: "ProFTPD: proftpd.conf",
		Intro: "`portico config import` reads one file: what it includes has to be imported by itself. `<Global>`, `<IfModule>` and `<IfDefine>` are looked through, a section " +
			"`<Anonymous>` becomes the anonymous user; of other sections it says that they are there.\n\n" +
			"| section | in its place |\n|---|---|\n" +
			"| `<VirtualHost>` | `hosts`, told apart by the name that the client asks for (HOST, or SNI under TLS), not by address; or a second server |\n" +
			"| `<Directory>`, `<Limit>` | `permissions` of users and groups, and `mounts` with permissions of their own |\n" +
			"| `<Limit LOGIN>` with addresses, `<Class>` | `defence.only`, `defence.deny`, `networks` of users |\n" +
			"| `.ftpaccess` | nothing |\n\n" +
			"Users of `AuthUserFile` have hashes that `users[].password` takes (`$6$`, `$5$`, not MD5); those of the machine have to be added, because there is no PAM. " +
			"The defaults of ProFTPD count where the file says nothing: files cannot be overwritten.",
		fold: true, read: readProftpd, before: proftpdUsers, after: proftpdNetwork,
		Settings: []Setting{
			{Name: "Port", Keys: []string{"listeners"}, take: asText, example: "2121"},
			{Name: "DefaultAddress", Keys: []string{"listeners"}, take: asText, example: "192.0.2.1"},
			{Name: "UseIPv6", Keys: []string{"listeners"}, Note: "`off`: the address `0.0.0.0`.", take: isBool, example: "off"},
			{Name: "SocketBindTight", Fate: Always, Note: "`listeners` says on which addresses."},
			{Name: "PassivePorts", Keys: []string{"passive.ports"}, Note: "Few ports are enough: `portico plan`. Portico never uses one outside.", take: proftpdPorts, example: "49152 49200"},
			{Name: "MasqueradeAddress", Keys: []string{"passive.public_address"}, Note: "An address or a name; rules by client network, too.", take: text("passive.public_address"), example: "192.0.2.1"},
			{Name: "DynMasqRefresh", Fate: Always, Note: "Names are looked up again and again."},
			{Name: "AllowForeignAddress", Keys: []string{"active.foreign_address"}, Note: "Passive connections from elsewhere: `passive.peer`.", take: when("active.foreign_address", true, false), example: "on"},

			{Name: "MaxInstances", Keys: []string{"limits.sessions"}, take: proftpdCount("limits.sessions"), example: "30"},
			{Name: "MaxClients", Keys: []string{"limits.sessions"}, Note: "In `<Anonymous>`: `limits.sessions` of that user.", take: proftpdCount("limits.sessions"), example: "30"},
			{Name: "MaxClientsPerHost", Keys: []string{"limits.sessions_per_ip"}, take: proftpdCount("limits.sessions_per_ip"), example: "5"},
			{Name: "MaxConnectionsPerHost", Keys: []string{"limits.sessions_per_ip"}, take: proftpdCount("limits.sessions_per_ip"), example: "5"},
			{Name: "MaxClientsPerUser", Keys: []string{"limits.sessions_per_user"}, take: proftpdCount("limits.sessions_per_user"), example: "5"},
			{Name: "MaxConnectionRate", Fate: ByHand, Note: "`limits.logins_per_minute`."},
			{Name: "MaxLoginAttempts", Fate: Always, Note: "A session ends after three wrong passwords; `defence` bans addresses that go on."},
			{Name: "TimeoutIdle", Keys: []string{"limits.idle_timeout"}, take: duration("limits.idle_timeout", time.Second), example: "600"},
			{Name: "TimeoutLogin", Keys: []string{"limits.login_timeout"}, take: duration("limits.login_timeout", time.Second), example: "60"},
			{Name: "TimeoutStalled", Keys: []string{"limits.stall_timeout"}, take: duration("limits.stall_timeout", time.Second), example: "600"},
			{Name: "TimeoutNoTransfer", Fate: Without, Note: "`limits.idle_timeout` counts from the last command.", harmless: []string{"0"}},
			{Name: "TimeoutSession", Fate: Without, Note: "A session may last.", harmless: []string{"0"}},
			{Name: "TransferRate", Keys: []string{"limits.upload_rate_per_session", "limits.download_rate_per_session"}, Note: "KB per second, of each session.", take: proftpdRate, example: "RETR 800"},
			{Name: "MaxStoreFileSize", Fate: ByHand, Note: "`quota` bounds what a user keeps, not one file."},
			{Name: "MaxRetrieveFileSize", Fate: Without, Note: "Any file may be fetched."},

			{Name: "User", Fate: Always, Note: "The whole server runs as an ordinary user: `User=` in the unit."},
			{Name: "Group", Fate: Always, Note: asAbove},
			{Name: "UserAlias", Fate: Always, Note: "The anonymous user answers to anonymous and ftp; others have one name each."},
			{Name: "UserPassword", Fate: ByHand, Note: "A user with this hash."},
			{Name: "AnonRequirePassword", Fate: ByHand, Note: "A user with a password and the permissions list and read.", harmless: off},
			{Name: "DefaultRoot", Keys: []string{"groups"}, Note: "`home`; everybody is confined to it. `~` is the user's home, whatever that is.", take: asText, example: "/srv/ftp/%u"},
			{Name: "DefaultChdir", Fate: Without, Note: "Sessions begin in `/`."},
			{Name: "CreateHome", Keys: []string{"groups"}, Note: "`create_home`; there is no skeleton.", take: proftpdCreateHome, example: "on"},
			{Name: "Umask", Keys: []string{"groups"}, Note: "`umask`, one for files and directories: that of directories is taken.", take: proftpdUmask, example: "027 022"},
			{Name: "AllowOverwrite", Keys: []string{"groups"}, Note: "The permission overwrite.", take: isBool, example: "on"},
			{Name: "AllowRetrieveRestart", Fate: Always, Note: "Downloads can go on with REST.", harmless: on},
			{Name: "AllowStoreRestart", Fate: Always, Note: "Uploads can go on with REST, or APPE."},
			{Name: "HiddenStores", Fate: Always, Note: "A file appears when its upload is complete."},
			{Name: "DeleteAbortedStores", Fate: Always, Note: "An interrupted upload never appears; it is kept aside for `keep_partials`."},
			{Name: "AllowChrootSymlinks", Fate: Always, Note: "`symlinks` says which are followed: those that stay inside."},
			{Name: "ShowSymlinks", Fate: Always, Note: "Links are shown as what they lead to."},
			{Name: "RequireValidShell", Fate: Always, Note: "Users have no shell."},
			{Name: "UseFtpUsers", Fate: ByHand, Note: "Add those users alone who may log in; `disabled: true` closes one out.", harmless: off},
			{Name: "RootLogin", Fate: Always, Note: "root is a name like any other."},
			{Name: "AuthOrder", Fate: ByHand, Note: "`auth.order`."},
			{Name: "AuthUserFile", Fate: ByHand, Note: "Take its hashes over into a file of users: `auth.file.path`."},
			{Name: "AuthGroupFile", Fate: Always, Note: "Groups of the machine have no meaning."},
			{Name: "AuthPAM", Fate: Always, Note: "There is no PAM."},
			{Name: "AuthPAMConfig", Fate: Always, Note: asAbove},
			{Name: "PersistentPasswd", Fate: Always, Note: "Users are no users of the machine."},
			{Name: "SQLConnectInfo", Fate: ByHand, Note: "`auth.sql`."},
			{Name: "LDAPServer", Fate: ByHand, Note: "`auth.ldap`."},
			{Name: "RadiusEngine", Fate: ByHand, Note: "There is no RADIUS: `auth.http` asks a web server.", harmless: off},
			{Name: "QuotaEngine", Fate: ByHand, Note: "`quota` of users and groups, and a `quota_file`.", harmless: off},
			{Name: "Ratios", Fate: Without, Note: "There are no ratios.", harmless: off},
			{Name: "BanEngine", Fate: ByHand, Note: "`defence` is on by default.", harmless: off},
			{Name: "WrapEngine", Fate: ByHand, Note: "`defence.only` and `defence.deny`.", harmless: off},

			{Name: "TLSEngine", Keys: []string{"tls.certificate", "tls.key"}, Note: "TLS is on when there is a certificate.", take: isBool, example: "on", context: "TLSRSACertificateFile /etc/ssl/cert.pem\n"},
			{Name: "TLSRSACertificateFile", Keys: []string{"tls.certificate"}, take: asText, example: "/etc/ssl/cert.pem", context: "TLSEngine on\n"},
			{Name: "TLSRSACertificateKeyFile", Keys: []string{"tls.key"}, take: asText, example: "/etc/ssl/key.pem", context: tlsOn},
			{Name: "TLSECCertificateFile", Keys: []string{"tls.certificate"}, take: asText, example: "/etc/ssl/cert.pem", context: "TLSEngine on\n"},
			{Name: "TLSECCertificateKeyFile", Keys: []string{"tls.key"}, take: asText, example: "/etc/ssl/key.pem", context: "TLSEngine on\nTLSECCertificateFile /etc/ssl/cert.pem\n"},
			{Name: "TLSCertificateChainFile", Fate: ByHand, Note: "Put the chain behind the certificate, into one file."},
			{Name: "TLSCACertificateFile", Keys: []string{"tls.client_ca"}, Note: "With `TLSVerifyClient`.", take: asText, example: "/etc/ssl/ca.pem", context: tlsOn + "TLSVerifyClient on\n"},
			{Name: "TLSVerifyClient", Keys: []string{"tls.client_certificates"}, Note: "`on` is `required`.", take: asText, example: "on", context: tlsOn + "TLSCACertificateFile /etc/ssl/ca.pem\n"},
			{Name: "TLSRequired", Keys: []string{"tls.require"}, Note: "`on` is `data`; `ctrl` and `auth` are `login`. Data alone cannot be required.", take: proftpdRequired, example: "on", context: tlsOn},
			{Name: "TLSOptions", Keys: []string{"tls.session_reuse", "listeners"}, Note: "Without `NoSessionReuseRequired` it is `required`; `UseImplicitSSL` is `implicit_tls` of the listener. Others have no meaning.", take: asText, example: "NoSessionReuseRequired", context: tlsOn},
			{Name: "TLSProtocol", Fate: Always, Note: "TLS 1.2 and 1.3 (`tls.min_version`), nothing older."},
			{Name: "TLSCipherSuite", Fate: Without, Note: "The cipher suites are those that Go takes for safe."},
			{Name: "TLSRenegotiate", Fate: Always, Note: "There is no renegotiation."},
			{Name: "TLSSessionCache", Fate: Always, Note: "Sessions are in tickets."},
			{Name: "TLSLog", Fate: Always, Note: "The log tells of TLS."},
			{Name: "SFTPEngine", Fate: Without, Note: "Portico speaks no SFTP: leave that to OpenSSH.", harmless: off},

			{Name: "ServerIdent", Keys: []string{"banner"}, take: proftpdIdent, example: `on "Welcome"`},
			{Name: "DisplayConnect", Fate: ByHand, Note: "`banner` is one line of text."},
			{Name: "DisplayLogin", Fate: Without, Note: "There are no messages from files."},
			{Name: "DisplayChdir", Fate: Without, Note: asAbove},
			{Name: "DisplayQuit", Fate: Without, Note: asAbove},
			{Name: "AccessGrantMsg", Fate: Without, Note: "The words of replies are Portico's own."},
			{Name: "AccessDenyMsg", Fate: Without, Note: asAbove},
			{Name: "TransferLog", Keys: []string{"log.xferlog"}, take: proftpdTransferLog, example: "/var/log/xferlog"},
			{Name: "SystemLog", Keys: []string{"log.file"}, take: proftpdSystemLog, example: "/var/log/proftpd.log"},
			{Name: "ExtendedLog", Fate: ByHand, Note: "`log.commands` has all commands, as JSON."},
			{Name: "LogFormat", Fate: ByHand, Note: asAbove},
			{Name: "SyslogFacility", Fate: Always, Note: "The log goes to standard error, from where systemd takes it to the journal."},
			{Name: "SyslogLevel", Fate: ByHand, Note: "`log.level`."},
			{Name: "DebugLevel", Fate: ByHand, Note: "`log.level: debug`.", harmless: []string{"0"}},
			{Name: "UseLastlog", Fate: Without, Note: "`log.audit` tells of logins.", harmless: off},
			{Name: "WtmpLog", Fate: Without, Note: asAbove, harmless: off},
			{Name: "DenyFilter", Fate: Without, Note: "Arguments are not filtered; `LIST */*/*` reads one directory."},
			{Name: "AllowFilter", Fate: Without, Note: asAbove},
			{Name: "PathDenyFilter", Fate: Without, Note: "Names are not filtered."},
			{Name: "PathAllowFilter", Fate: Without, Note: asAbove},
			{Name: "ListOptions", Fate: Without, Note: "Clients say what they want.", harmless: []string{`"-l"`}},
			{Name: "UseGlobbing", Fate: Always, Note: "Patterns are for the last part of a path."},
			{Name: "TimesGMT", Fate: Without, Note: "Times are UTC, as RFC 3659 has it.", harmless: on},
			{Name: "UseEncoding", Fate: Always, Note: "Names are UTF-8; other bytes pass."},
			{Name: "UseReverseDNS", Fate: Always, Note: "Addresses are never looked up."},
			{Name: "IdentLookups", Fate: Always, Note: "Nobody is asked who the client is."},
			{Name: "UseSendfile", Fate: Always, Note: "The kernel copies where it can."},
			{Name: "DelayEngine", Fate: Always, Note: "How long a login takes tells nothing."},
			{Name: "DirFakeUser", Fate: Always, Note: "Listings show one owner for everything."},
			{Name: "DirFakeGroup", Fate: Always, Note: asAbove},
			{Name: "ControlsEngine", Fate: ByHand, Note: "`admin.address`, and `portico sessions`, `kick`, `status`.", harmless: off},
			{Name: "AdminControlsEngine", Fate: ByHand, Note: asAbove, harmless: off},
			{Name: "ControlsMaxClients", Fate: Always, Note: asAbove},
			{Name: "ControlsLog", Fate: Always, Note: asAbove},
			{Name: "ControlsInterval", Fate: Always, Note: asAbove},
			{Name: "ControlsSocket", Fate: Always, Note: asAbove},
			{Name: "ExecEngine", Fate: ByHand, Note: "`hooks`: commands and webhooks.", harmless: off},
			{Name: "Include", Fate: ByHand, Note: "Import that file as well, and put the two together."},
			{Name: "LoadModule", Fate: Always, Note: "There are no modules."},
			{Name: "ModulePath", Fate: Always, Note: asAbove},
			{Name: "ServerName", Fate: Always, Note: "It is shown nowhere."},
			{Name: "ServerAdmin", Fate: Always, Note: asAbove},
			{Name: "ServerType", Fate: Always, Note: "Portico runs by itself, or gets its sockets from systemd."},
			{Name: "DefaultServer", Fate: Always, Note: "What no host of `hosts` is asked for goes to the server itself."},
			{Name: "DeferWelcome", Fate: Always, Note: "The greeting names nobody."},
			{Name: "MultilineRFC2228", Fate: Always, Note: "Replies are as RFC 959 has them."},
			{Name: "PidFile", Fate: Always, Note: "systemd keeps track of it."},
			{Name: "ScoreboardFile", Fate: Always, Note: "`portico sessions`."},
			{Name: "SetEnv", Fate: Always, Note: "The environment comes from systemd."},
		},
	}
}

// readProftpd reads lines of a name and a value, in sections.
func readProftpd(text string) []Given {
	var all []Given
	var blocks []string
	joined, from := "", 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if joined == "" {
			from = i + 1
		}
		if before, goesOn := strings.CutSuffix(line, `\`); goesOn && !strings.HasPrefix(line, "#") {
			joined += before + " "
			continue
		}
		line, joined = strings.TrimSpace(joined+line), ""
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "</"):
			if len(blocks) == 0 {
				all = append(all, Given{Name: line, Line: from, Broken: "ends a section that has not begun"})
				continue
			}
			blocks = blocks[:len(blocks)-1]
		case strings.HasPrefix(line, "<"):
			blocks = append(blocks, line)
		default:
			name, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
			all = append(all, Given{Name: name, Value: strings.TrimSpace(value), Line: from, Block: outer(blocks)})
		}
	}
	return all
}

// outer is the section that a line counts for: the innermost that matters.
func outer(blocks []string) string {
	for _, block := range slices.Backward(blocks) {
		lower := strings.ToLower(block)
		if !strings.HasPrefix(lower, "<ifmodule") && !strings.HasPrefix(lower, "<ifdefine") && !strings.HasPrefix(lower, "<ifversion") && !strings.HasPrefix(lower, "<global") {
			return block
		}
	}
	return ""
}

// proftpdUsers settles the group and the anonymous user.
func proftpdUsers(d *draft) {
	home, _, _ := strings.Cut(d.value("DefaultRoot", "~"), " ")
	why := "DefaultRoot"
	if home == "~" || !strings.HasPrefix(home, "/") {
		d.note("the home of the group is a guess: ProFTPD takes it from /etc/passwd or from AuthUserFile")
		home = "/home/%u"
	} else {
		home = template(home, "%u")
	}
	may := everything()
	may["overwrite"] = d.yes("AllowOverwrite", false)
	put(d.group, "home", home, why)
	put(d.group, "permissions", permissions(may), "AllowOverwrite")
	put(d.group, "umask", "022", "ProFTPD's default")
	put(d.root, "auth.file.path", "users.yaml", "portico user add writes it")
	var blocks []string
	for name := range d.given {
		if block, _, isInside := strings.Cut(name, "> "); isInside {
			blocks = append(blocks, block+">")
		}
	}
	slices.Sort(blocks)
	blocks = slices.Compact(blocks)
	if len(blocks) == 0 {
		return
	}
	if len(blocks) > 1 {
		d.note("there are several sections <Anonymous>, of which Portico has one: " + strings.Join(blocks, ", "))
	}
	user := d.withAnonymous()
	home = strings.Trim(strings.TrimSpace(blocks[0][len(anonymousBlock):]), `">`)
	if !strings.HasPrefix(home, "/") {
		d.note(fmt.Sprintf("the home of the anonymous user is a guess: it was that of %s", home))
		home = "/srv/ftp"
	}
	put(user, "home", template(home, ""), comment(blocks[0])[2:])
	put(user, "permissions", []string{"list", "read"}, "more, where a <Limit> allowed it")
}

func proftpdPorts(d *draft, g Given) error {
	list, err := ports(two(strings.Join(strings.Fields(g.Value), " ")))
	if err == nil {
		d.set("passive.ports", list, g)
	}
	return err
}

// proftpdCount takes a number, "none", and a message behind it, which Portico
// has not.
func proftpdCount(key string) take {
	return func(d *draft, g Given) error {
		n, _, _ := strings.Cut(g.Value, " ")
		if strings.EqualFold(n, "none") {
			n = "0"
		}
		g.Value = n
		switch {
		case g.Block == "":
			return count(key)(d, g)
		case key != "limits.sessions":
			return errors.New("is for the server as a whole in Portico")
		}
		inner := &draft{root: d.withAnonymous()}
		return count(key)(inner, g)
	}
}

func proftpdRate(d *draft, g Given) error {
	fields := strings.Fields(g.Value)
	if len(fields) < 2 || g.Block != "" {
		return errors.New("is not understood: limits.upload_rate_per_session, limits.download_rate_per_session, or limits of users")
	}
	if len(fields) > 2 {
		return errors.New("is for some users: limits of users and groups")
	}
	kilobytes, _, _ := strings.Cut(fields[1], ":")
	bytes, err := rate(kilobytes, 1024)
	if err != nil {
		return err
	}
	known := false
	for _, verb := range strings.Split(strings.ToUpper(fields[0]), ",") {
		switch verb {
		case "RETR":
			d.set("limits.download_rate_per_session", bytes, g)
			known = true
		case "STOR", "APPE", "STOU":
			d.set("limits.upload_rate_per_session", bytes, g)
			known = true
		}
	}
	if !known {
		return errors.New("is for none of RETR, STOR, APPE, STOU")
	}
	return nil
}

func proftpdUmask(d *draft, g Given) error {
	fields := strings.Fields(g.Value)
	if len(fields) == 0 {
		return errors.New("has no value")
	}
	mask, err := octal(fields[len(fields)-1])
	if err != nil {
		return err
	}
	node := d.group
	if g.Block != "" {
		node = d.withAnonymous()
	}
	put(node, "umask", mask, g.Name+" "+g.Value)
	return nil
}

func proftpdCreateHome(d *draft, g Given) error {
	word, _, _ := strings.Cut(g.Value, " ")
	on, err := parseBool(word)
	if on {
		put(d.group, "create_home", true, g.Name)
	}
	return err
}

func proftpdRequired(d *draft, g Given) error {
	require, isKnown := map[string]string{
		"on": "data", "ctrl+data": "data", "auth+data": "data", "ctrl": "login", "auth": "login", "ctrl+!data": "login", "auth+!data": "login", "off": "none",
	}[strings.ToLower(g.Value)]
	switch {
	case !isKnown:
		return errors.New("cannot be required in this way: tls.require")
	case g.Block != "":
		return errors.New("is for everybody in Portico (tls.require), or require_tls of a user")
	case d.yes("TLSEngine", false):
		d.set("tls.require", require, g)
	}
	return nil
}

func proftpdIdent(d *draft, g Given) error {
	word, banner, _ := strings.Cut(g.Value, " ")
	if _, err := parseBool(word); err != nil {
		return err
	}
	if banner = strings.Trim(strings.TrimSpace(banner), `"`); banner != "" {
		d.set("banner", banner, Given{Name: g.Name})
	}
	return nil
}

// path is a value that may be in quotes.
func path(value string) string { return strings.Trim(value, `"`) }

func proftpdTransferLog(d *draft, g Given) error {
	switch {
	case g.Block != "":
		return errors.New("is one for all users in Portico: log.xferlog")
	case !strings.EqualFold(g.Value, "none"):
		d.set("log.xferlog", path(g.Value), Given{Name: g.Name})
	}
	return nil
}

func proftpdSystemLog(d *draft, g Given) error {
	if !strings.EqualFold(g.Value, "none") {
		d.set("log.file", path(g.Value), Given{Name: g.Name})
	}
	return nil
}

func proftpdNetwork(d *draft) {
	host := ""
	if !d.yes("UseIPv6", true) {
		host = "0.0.0.0"
	}
	addresses := strings.Fields(d.value("DefaultAddress", host))
	if len(addresses) == 0 {
		addresses = []string{""}
	}
	options := strings.Fields(strings.ToLower(d.value("TLSOptions", "")))
	certificate := path(d.value("TLSRSACertificateFile", d.value("TLSECCertificateFile", "")))
	withTLS := d.yes("TLSEngine", false) && certificate != ""
	var listeners []any
	for _, host := range addresses {
		at, err := address(host, d.value("Port", "21"))
		if err != nil {
			d.note("Port: " + err.Error())
			return
		}
		listener := map[string]any{"address": at}
		if withTLS && slices.Contains(options, "useimplicitssl") {
			listener["implicit_tls"] = true
		}
		listeners = append(listeners, listener)
	}
	d.setDefault("listeners", listeners, "Port, DefaultAddress, UseIPv6")
	if _, isGiven := d.given["PassivePorts"]; !isGiven {
		d.note("ProFTPD uses any passive port; Portico uses those of passive.ports alone, 21100-21199 by default: open them in the firewall, and close the others")
	}
	if !withTLS {
		if d.yes("TLSEngine", false) {
			d.note("TLSEngine is on, but this file names no certificate: tls.certificate, tls.key")
		}
		return
	}
	d.setDefault("tls.certificate", certificate, "TLSEngine, TLSRSACertificateFile, TLSECCertificateFile")
	d.setDefault("tls.key", path(d.value("TLSRSACertificateKeyFile", d.value("TLSECCertificateKeyFile", certificate))), "TLSRSACertificateKeyFile, TLSECCertificateKeyFile")
	d.note("the server's user must be able to read the key of the certificate")
	reuse := "required"
	if slices.Contains(options, "nosessionreuserequired") {
		reuse = "auto"
	}
	d.setDefault("tls.session_reuse", reuse, "TLSOptions")
	verify := strings.ToLower(d.value("TLSVerifyClient", "off"))
	if authority := path(d.value("TLSCACertificateFile", "")); authority != "" && verify != "off" {
		d.setDefault("tls.client_ca", authority, "TLSCACertificateFile")
		certificates := "required"
		if verify == "optional" {
			certificates = "optional"
		}
		d.setDefault("tls.client_certificates", certificates, "TLSVerifyClient")
	}
}
