package migrate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// vsftpd is version 3.0.
func vsftpd() Server {
	no, yes := []string{"NO"}, []string{"YES"}
	return Server{
		Name: "vsftpd", Title: "vsftpd: vsftpd.conf",
		Intro: "The defaults of vsftpd count where the file says nothing, and are imported: TLS session reuse is required, the umask is 077, and nobody may write.\n\n" +
			"- vsftpd's local users are accounts of the machine, checked by PAM. Portico's users are its own, and all files belong to the one user that the server " +
			"runs as: give it the files (`chown -R`), and add the users with `portico user add`. Hashes from `/etc/shadow` (`$6$`, `$y$`) can be taken over, " +
			"as can LDAP and SQL: [accounts.md](accounts.md).\n" +
			"- Everybody is confined to a home. Nobody sees the machine's file system unless the home is `/`.\n" +
			"- vsftpd binds port 21 as root. Portico gets it from systemd (`deploy/systemd/portico.socket`).",
		read: readVsftpd, before: vsftpdUsers, after: vsftpdNetwork,
		Settings: []Setting{
			{Name: "listen", Keys: []string{"listeners"}, Note: "`YES` is IPv4 alone. With neither this nor `listen_ipv6`, inetd starts vsftpd; Portico runs by itself, or gets its sockets from systemd.", take: isBool, example: "YES"},
			{Name: "listen_ipv6", Keys: []string{"listeners"}, Note: "IPv6, and IPv4 too.", take: isBool, example: "YES"},
			{Name: "listen_address", Keys: []string{"listeners"}, take: asText, example: "192.0.2.1", context: "listen=YES"},
			{Name: "listen_address6", Keys: []string{"listeners"}, take: asText, example: "2001:db8::1", context: "listen_ipv6=YES"},
			{Name: "listen_port", Keys: []string{"listeners"}, take: asText, example: "2121"},
			{Name: "implicit_ssl", Keys: []string{"listeners"}, Note: "`implicit_tls` of the listener. One Portico serves both kinds: add a second listener.", take: isBool, example: "YES", context: "ssl_enable=YES"},

			{Name: "pasv_enable", Keys: []string{"passive.ports"}, Note: "`NO`: no ports.", take: isBool, example: "NO"},
			{Name: "pasv_min_port", Keys: []string{"passive.ports"}, Note: "Few ports are enough: `portico plan`.", take: asText, example: "30000", context: "pasv_max_port=30010"},
			{Name: "pasv_max_port", Keys: []string{"passive.ports"}, take: asText, example: "30010", context: "pasv_min_port=30000"},
			{Name: "pasv_address", Keys: []string{"passive.public_address"}, Note: "An address or a name; rules by client network, too.", take: text("passive.public_address"), example: "192.0.2.1"},
			{Name: "pasv_addr_resolve", Fate: Always, Note: "Names are looked up, and again and again."},
			{Name: "pasv_promiscuous", Keys: []string{"passive.peer"}, Note: "`any`; a list of networks is safer.", take: when("passive.peer", "any", nil), example: "YES"},
			{Name: "port_enable", Keys: []string{"active.enabled"}, take: when("active.enabled", true, false), example: "NO"},
			{Name: "port_promiscuous", Keys: []string{"active.foreign_address"}, take: when("active.foreign_address", true, false), example: "YES"},
			{Name: "connect_from_port_20", Keys: []string{"active.source_port"}, Note: "`YES` is `auto`: port 20 where the server may bind it. `NO` is `ephemeral`.", take: isBool, example: "YES"},
			{Name: "ftp_data_port", Keys: []string{"active.source_port"}, take: asText, example: "2020", context: "connect_from_port_20=YES"},
			{Name: "accept_timeout", Keys: []string{"passive.accept_timeout"}, take: duration("passive.accept_timeout", time.Second), example: "45"},
			{Name: "connect_timeout", Fate: Always, Note: "30 seconds."},
			{Name: "data_connection_timeout", Keys: []string{"limits.stall_timeout"}, take: duration("limits.stall_timeout", time.Second), example: "120"},
			{Name: "idle_session_timeout", Keys: []string{"limits.idle_timeout"}, take: duration("limits.idle_timeout", time.Second), example: "600"},

			{Name: "anonymous_enable", Keys: []string{"users"}, Note: "A user with `anonymous: true`.", take: isBool, example: "YES"},
			{Name: "local_enable", Keys: []string{"groups"}, Note: "Users are Portico's own. `NO`: add none.", take: isBool, example: "YES"},
			{Name: "write_enable", Keys: []string{"groups"}, Note: "`permissions`: write, overwrite, delete, rename, mkdir, chmod.", take: isBool, example: "YES"},
			{Name: "download_enable", Keys: []string{"groups"}, Note: "The permission read.", take: isBool, example: "NO"},
			{Name: "dirlist_enable", Keys: []string{"groups"}, Note: "The permission list.", take: isBool, example: "NO"},
			{Name: "chmod_enable", Keys: []string{"groups"}, Note: "The permission chmod.", take: isBool, example: "NO", context: "write_enable=YES"},
			{Name: "anon_upload_enable", Keys: []string{"users"}, Note: "The permission write of the anonymous user.", take: isBool, example: "YES", context: "write_enable=YES\nanonymous_enable=YES"},
			{Name: "anon_mkdir_write_enable", Keys: []string{"users"}, Note: "Its permission mkdir.", take: isBool, example: "YES", context: "write_enable=YES\nanonymous_enable=YES"},
			{Name: "anon_other_write_enable", Keys: []string{"users"}, Note: "Its permissions overwrite, delete and rename.", take: isBool, example: "YES", context: "write_enable=YES\nanonymous_enable=YES"},
			{Name: "anon_root", Keys: []string{"users"}, Note: "Its `home`.", take: asText, example: "/srv/pub", context: "anonymous_enable=YES"},
			{Name: "local_root", Keys: []string{"groups"}, Note: "`home`, with `%u` for the user's name.", take: asText, example: "/srv/ftp/$USER", context: "user_sub_token=$USER"},
			{Name: "user_sub_token", Keys: []string{"groups"}, Note: "`%u` in `home`.", take: asText, example: "$USER", context: "local_root=/srv/$USER"},
			{Name: "local_umask", Keys: []string{"groups"}, Note: "`umask`. vsftpd's default is 077.", take: vsftpdUmask, example: "022"},
			{Name: "anon_umask", Keys: []string{"users"}, Note: "`umask` of the anonymous user.", take: vsftpdUmask, example: "022", context: "anonymous_enable=YES"},
			{Name: "cmds_denied", Keys: []string{"groups"}, Note: "`refused_commands`.", take: vsftpdDenied, example: "DELE,RMD"},
			{Name: "cmds_allowed", Fate: ByHand, Note: "Take away `permissions`, or list what is left in `refused_commands`."},
			{Name: "max_clients", Keys: []string{"limits.sessions"}, take: count("limits.sessions"), example: "100"},
			{Name: "max_per_ip", Keys: []string{"limits.sessions_per_ip"}, take: count("limits.sessions_per_ip"), example: "5"},
			{Name: "local_max_rate", Keys: []string{"limits.upload_rate_per_session", "limits.download_rate_per_session"}, Note: "For each session; those of anonymous users count as well.", take: vsftpdRate, example: "1048576"},
			{Name: "anon_max_rate", Keys: []string{"users"}, Note: "`limits` of the anonymous user, which hold for all its sessions together, not for each.", take: vsftpdAnonymousRate, example: "65536", context: "anonymous_enable=YES"},
			{Name: "max_login_fails", Fate: Always, Note: "A session ends after three wrong passwords, each answered later than the one before; `defence` bans addresses that go on."},
			{Name: "delay_failed_login", Fate: Always, Note: "Wrong passwords are always answered late."},
			{Name: "delay_successful_login", Fate: Without, Note: "Logins are not delayed.", harmless: []string{"0"}},

			{Name: "ssl_enable", Keys: []string{"tls.certificate", "tls.key"}, Note: "TLS is on when there is a certificate.", take: isBool, example: "YES"},
			{Name: "rsa_cert_file", Keys: []string{"tls.certificate"}, take: asText, example: "/etc/ssl/cert.pem", context: "ssl_enable=YES"},
			{Name: "rsa_private_key_file", Keys: []string{"tls.key"}, take: asText, example: "/etc/ssl/key.pem", context: "ssl_enable=YES"},
			{Name: "force_local_logins_ssl", Keys: []string{"tls.require"}, Note: "`tls.require: login`. Where anonymous logins may be in clear: `require_tls` of the group.", take: isBool, example: "YES", context: "ssl_enable=YES\nforce_local_data_ssl=NO"},
			{Name: "force_local_data_ssl", Keys: []string{"tls.require"}, Note: "`tls.require: data`, which is for everybody.", take: isBool, example: "YES", context: "ssl_enable=YES"},
			{Name: "force_anon_logins_ssl", Keys: []string{"tls.require"}, Note: asAbove, take: isBool, example: "YES", context: "ssl_enable=YES\nanonymous_enable=YES\nforce_local_data_ssl=NO"},
			{Name: "force_anon_data_ssl", Keys: []string{"tls.require"}, Note: asAbove, take: isBool, example: "YES", context: "ssl_enable=YES\nanonymous_enable=YES\nforce_anon_logins_ssl=YES"},
			{Name: "allow_anon_ssl", Fate: Always, Note: "TLS is offered to everybody."},
			{Name: "require_ssl_reuse", Keys: []string{"tls.session_reuse"}, Note: "`required`. `NO` is `auto`: clients that resume can share ports. vsftpd's default is `YES`.", take: isBool, example: "YES", context: "ssl_enable=YES"},
			{Name: "ca_certs_file", Keys: []string{"tls.client_ca"}, take: asText, example: "/etc/ssl/ca.pem", context: "ssl_enable=YES"},
			{Name: "require_cert", Keys: []string{"tls.client_certificates"}, take: isBool, example: "YES", context: "ssl_enable=YES\nca_certs_file=/etc/ssl/ca.pem"},
			{Name: "validate_cert", Fate: Always, Note: "Certificates of clients must always be valid."},
			{Name: "ssl_request_cert", Fate: Always, Note: "Clients are asked for a certificate if there is a `tls.client_ca`."},
			{Name: "ssl_sslv2", Fate: Always, Note: "TLS 1.2 and 1.3 (`tls.min_version`), nothing older."},
			{Name: "ssl_sslv3", Fate: Always, Note: asAbove},
			{Name: "ssl_tlsv1", Fate: Always, Note: asAbove},
			{Name: "ssl_tlsv1_1", Fate: Always, Note: asAbove},
			{Name: "ssl_tlsv1_2", Fate: Always, Note: asAbove},
			{Name: "ssl_tlsv1_3", Fate: Always, Note: asAbove},
			{Name: "ssl_ciphers", Fate: Without, Note: "The cipher suites are those that Go takes for safe."},
			{Name: "dsa_cert_file", Fate: Without, Note: "DSA is dead: use an RSA or ECDSA certificate."},
			{Name: "dsa_private_key_file", Fate: Without, Note: asAbove},
			{Name: "strict_ssl_read_eof", Fate: Always, Note: "An upload that ends without close_notify always counts as interrupted."},
			{Name: "strict_ssl_write_shutdown", Fate: Without, Note: "Nobody waits for the client's close_notify after a download.", harmless: no},
			{Name: "debug_ssl", Fate: Without, Note: "`log.level: debug` tells why handshakes fail.", harmless: no},

			{Name: "ftpd_banner", Keys: []string{"banner"}, take: text("banner"), example: "Welcome"},
			{Name: "banner_file", Fate: ByHand, Note: "`banner` is one line of text."},
			{Name: "xferlog_enable", Keys: []string{"log.xferlog"}, Note: "With `xferlog_std_format`. In vsftpd's own format there is none: the ordinary log tells of transfers.", take: isBool, example: "YES", context: "xferlog_std_format=YES"},
			{Name: "xferlog_std_format", Keys: []string{"log.xferlog"}, take: isBool, example: "YES", context: "xferlog_enable=YES"},
			{Name: "xferlog_file", Keys: []string{"log.xferlog"}, take: asText, example: "/var/log/x", context: "xferlog_enable=YES\nxferlog_std_format=YES"},
			{Name: "dual_log_enable", Keys: []string{"log.xferlog", "log.file"}, take: isBool, example: "YES"},
			{Name: "vsftpd_log_file", Keys: []string{"log.file"}, take: asText, example: "/var/log/v.log", context: "xferlog_enable=YES"},
			{Name: "syslog_enable", Fate: Always, Note: "The log goes to standard error, from where systemd takes it to the journal."},
			{Name: "log_ftp_protocol", Fate: ByHand, Note: "`log.commands` names a file for all commands; `log.level: debug` has them in the ordinary log.", harmless: no},
			{Name: "no_log_lock", Fate: Always, Note: "Logs are not locked."},

			{Name: "chroot_local_user", Fate: Always, Note: "Everybody is confined to the home. To let somebody see more, give him another home, or `mounts`."},
			{Name: "chroot_list_enable", Fate: ByHand, Note: "Users who are not to be confined get another `home`, or `mounts`.", harmless: no},
			{Name: "chroot_list_file", Fate: ByHand, Note: asAbove},
			{Name: "passwd_chroot_enable", Fate: ByHand, Note: "`home` says where the user is confined to.", harmless: no},
			{Name: "allow_writeable_chroot", Fate: Always, Note: "A home may be writable."},
			{Name: "guest_enable", Fate: Always, Note: "All users are virtual; the files belong to the server's user."},
			{Name: "guest_username", Fate: ByHand, Note: "Run Portico as this user (`User=` in the unit), to whom the files belong."},
			{Name: "virtual_use_local_privs", Fate: ByHand, Note: "`permissions` of each user.", harmless: yes},
			{Name: "user_config_dir", Fate: ByHand, Note: "What its files say becomes keys of each user: `home`, `permissions`, `umask`, `limits`."},
			{Name: "userlist_enable", Fate: ByHand, Note: "Add those users alone who may log in; `disabled: true` closes one out.", harmless: no},
			{Name: "userlist_deny", Fate: ByHand, Note: asAbove},
			{Name: "userlist_file", Fate: ByHand, Note: asAbove},
			{Name: "pam_service_name", Fate: ByHand, Note: "There is no PAM. Users come from files, SQL, LDAP or a web server: `auth`."},
			{Name: "check_shell", Fate: Always, Note: "Users have no shell."},
			{Name: "session_support", Fate: Without, Note: "utmp and wtmp are not written; `log.audit` tells of logins.", harmless: no},
			{Name: "ftp_username", Fate: ByHand, Note: "Its home was the anonymous user's: `home` of that user."},
			{Name: "no_anon_password", Fate: Without, Note: "Anonymous users send a password, any.", harmless: no},
			{Name: "anon_world_readable_only", Fate: Without, Note: "What the server's user can read, an anonymous user with the permission read can.", harmless: no},
			{Name: "deny_email_enable", Fate: Without, Note: "E-mail addresses are logged, not checked.", harmless: no},
			{Name: "banned_email_file", Fate: Without, Note: asAbove},
			{Name: "secure_email_list_enable", Fate: Without, Note: "Use a user with a password.", harmless: no},
			{Name: "email_password_file", Fate: Without, Note: asAbove},
			{Name: "chown_uploads", Fate: Without, Note: "Files belong to the server's user. A drop box is a mount with the permission write alone.", harmless: no},
			{Name: "chown_username", Fate: Without, Note: asAbove},
			{Name: "chown_upload_mode", Fate: Without, Note: "`umask` counts."},
			{Name: "file_open_mode", Fate: Without, Note: "`umask` counts; SITE CHMOD makes a file executable.", harmless: []string{"0666"}},
			{Name: "tcp_wrappers", Fate: ByHand, Note: "`defence.only` and `defence.deny`, or their files.", harmless: no},
			{Name: "deny_file", Fate: Without, Note: "Names are not filtered: keep such files out of the home, or use mounts."},
			{Name: "hide_file", Fate: Without, Note: asAbove},
			{Name: "download_file", Fate: Without, Note: asAbove},
			{Name: "upload_file", Fate: Without, Note: asAbove},

			{Name: "delete_failed_uploads", Fate: Always, Note: "An interrupted upload never appears; it is kept aside for `keep_partials`."},
			{Name: "lock_upload_files", Fate: Always, Note: "A file appears when its upload is complete, so nobody reads half of one."},
			{Name: "ascii_upload_enable", Fate: Always, Note: "TYPE A does what it says."},
			{Name: "ascii_download_enable", Fate: Always, Note: asAbove},
			{Name: "async_abor_enable", Fate: Always, Note: "ABOR works in each of its forms."},
			{Name: "mdtm_write", Fate: Without, Note: "MDTM tells times; MFMT and SITE UTIME set them.", harmless: no},
			{Name: "ls_recurse_enable", Fate: Without, Note: "LIST -R lists one directory.", harmless: no},
			{Name: "force_dot_files", Fate: Without, Note: "LIST -a and MLSD show files that start with a dot.", harmless: no},
			{Name: "dirmessage_enable", Fate: Without, Note: "There are no messages for directories.", harmless: no},
			{Name: "message_file", Fate: Without, Note: asAbove},
			{Name: "use_localtime", Fate: Without, Note: "Times are UTC, as RFC 3659 has it.", harmless: no},
			{Name: "text_userdb_names", Fate: Without, Note: "Listings show one owner for everything.", harmless: no},
			{Name: "hide_ids", Fate: Always, Note: asAbove},
			{Name: "tilde_user_enable", Fate: Without, Note: "`~` is a name like any other.", harmless: no},
			{Name: "utf8_filesystem", Fate: Always, Note: "Names are UTF-8; other bytes pass."},
			{Name: "reverse_lookup_enable", Fate: Always, Note: "Addresses are never looked up."},
			{Name: "background", Fate: Always, Note: "systemd starts it."},
			{Name: "nopriv_user", Fate: Always, Note: "The whole server runs as an ordinary user: `User=` in the unit."},
			{Name: "run_as_launching_user", Fate: Always, Note: asAbove},
			{Name: "secure_chroot_dir", Fate: Always, Note: "The server confines itself: `sandbox`."},
			{Name: "isolate", Fate: Always, Note: asAbove},
			{Name: "isolate_network", Fate: Always, Note: asAbove},
			{Name: "seccomp_sandbox", Fate: Always, Note: asAbove},
			{Name: "ptrace_sandbox", Fate: Always, Note: asAbove},
			{Name: "one_process_model", Fate: Always, Note: "It is one process."},
			{Name: "setproctitle_enable", Fate: Always, Note: "`portico sessions` shows who does what."},
			{Name: "ftp_enable", Fate: Always, Note: "It is an FTP server."},
			{Name: "http_enable", Fate: Without, Note: "It is no web server.", harmless: no},
			{Name: "use_sendfile", Fate: Always, Note: "The kernel copies where it can."},
			{Name: "trans_chunk_size", Fate: Always, Note: "Bandwidth is smooth by itself."},
		},
	}
}

// readVsftpd reads lines of option=value. vsftpd allows no space around the
// equals sign; it is forgiven here.
func readVsftpd(text string) []Given {
	var all []Given
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		g := Given{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value), Line: i + 1}
		if !ok || g.Name == "" || strings.ContainsAny(g.Name, " \t") {
			g = Given{Name: line, Line: i + 1, Broken: "is not option=value"}
		}
		all = append(all, g)
	}
	return all
}

// vsftpdUsers settles the group and the anonymous user.
func vsftpdUsers(d *draft) {
	home, why := template(d.value("local_root", ""), d.value("user_sub_token", "")), "local_root, user_sub_token"
	if home == "" {
		home, why = "/home/%u", ""
		d.note("the home of the group is a guess: vsftpd takes it from /etc/passwd")
	} else if !strings.Contains(home, "%u") {
		d.note("all users of the group have one home (local_root), as in vsftpd")
	}
	writable := d.yes("write_enable", false)
	may := everything()
	for _, p := range []string{"write", "overwrite", "delete", "rename", "mkdir"} {
		may[p] = writable
	}
	may["list"], may["read"] = d.yes("dirlist_enable", true), d.yes("download_enable", true)
	may["chmod"] = writable && d.yes("chmod_enable", true)
	put(d.group, "home", home, why)
	put(d.group, "permissions", permissions(may), "write_enable, download_enable, dirlist_enable, chmod_enable")
	put(d.group, "umask", "077", "vsftpd's default")
	put(d.root, "auth.file.path", "users.yaml", "local_enable; portico user add writes it")
	if !d.yes("local_enable", false) {
		d.note("local_enable is not YES, so users with passwords could not log in: the group is for those that you add")
	}
	if !d.yes("anonymous_enable", false) {
		return
	}
	user := d.withAnonymous()
	home = template(d.value("anon_root", ""), "")
	if home == "" {
		home = "/srv/ftp"
		d.note("the home of the anonymous user is a guess: vsftpd takes that of ftp_username from /etc/passwd")
	}
	may["write"] = writable && d.yes("anon_upload_enable", false)
	may["mkdir"] = writable && d.yes("anon_mkdir_write_enable", false)
	other := writable && d.yes("anon_other_write_enable", false)
	may["overwrite"], may["delete"], may["rename"], may["chmod"] = other, other, other, false
	put(user, "home", home, "anonymous_enable, anon_root")
	put(user, "permissions", permissions(may), "write_enable, anon_upload_enable, anon_mkdir_write_enable, anon_other_write_enable")
	put(user, "umask", "077", "vsftpd's default")
}

// vsftpdUmask knows that numbers without a zero in front are decimal.
func vsftpdUmask(d *draft, g Given) error {
	n, err := strconv.ParseUint(g.Value, 0, 16)
	if err != nil || n > 0o777 {
		return errors.New("is no umask")
	}
	node := d.group
	if g.Name == "anon_umask" {
		if node = d.anonymous; node == nil {
			return nil // there is no such user
		}
	}
	put(node, "umask", fmt.Sprintf("%03o", n), g.Name+"="+g.Value)
	return nil
}

func vsftpdDenied(d *draft, g Given) error {
	list, others := verbs(g.Value)
	if len(others) > 0 {
		d.remark(ByHand, g, "has what is no command in Portico: "+strings.Join(others, ", "))
	}
	if len(list) == 0 {
		return errors.New("names no command that Portico has")
	}
	put(d.group, "refused_commands", list, g.Name)
	if d.anonymous != nil {
		put(d.anonymous, "refused_commands", list, g.Name)
	}
	return nil
}

func vsftpdRate(d *draft, g Given) error {
	bytes, err := rate(g.Value, 1)
	if err != nil {
		return err
	}
	d.set("limits.upload_rate_per_session", bytes, g)
	d.set("limits.download_rate_per_session", bytes, g)
	return nil
}

func vsftpdAnonymousRate(d *draft, g Given) error {
	bytes, err := rate(g.Value, 1)
	if err != nil {
		return err
	}
	if d.anonymous != nil {
		put(d.anonymous, "limits.upload_rate", bytes, g.Name+": of all sessions together")
		put(d.anonymous, "limits.download_rate", bytes, g.Name+": of all sessions together")
	}
	return nil
}

// vsftpdNetwork settles listeners, ports, TLS and logs, each of which several
// settings have a say in.
func vsftpdNetwork(d *draft) {
	vsftpdListener(d)
	vsftpdPorts(d)
	vsftpdTLS(d)
	vsftpdLogs(d)
}

func vsftpdListener(d *draft) {
	host, six := d.value("listen_address", "0.0.0.0"), d.yes("listen_ipv6", false)
	switch {
	case six:
		host = d.value("listen_address6", "")
	case !d.yes("listen", false):
		d.note("inetd has started vsftpd: give port 21 to Portico (deploy/systemd/portico.socket), and take it from inetd")
		host = ""
	}
	at, err := address(host, d.value("listen_port", "21"))
	if err != nil {
		d.note("listen_port: " + err.Error())
		return
	}
	listener := map[string]any{"address": at}
	if d.yes("implicit_ssl", false) && d.yes("ssl_enable", false) {
		listener["implicit_tls"] = true
	}
	d.setDefault("listeners", []any{listener}, "listen, listen_ipv6, listen_address, listen_address6, listen_port, implicit_ssl")
}

func vsftpdPorts(d *draft) {
	first, last := d.value("pasv_min_port", "0"), d.value("pasv_max_port", "0")
	switch {
	case !d.yes("pasv_enable", true):
		d.setDefault("passive.ports", "", "pasv_enable=NO")
	case first == "0" && last == "0":
		d.note("vsftpd uses any passive port; Portico uses those of passive.ports alone, 21100-21199 by default: open them in the firewall, and close the others")
	default:
		if first == "0" {
			first = "1024"
		}
		if last == "0" {
			last = "65535"
		}
		list, err := ports(first, last)
		if err != nil {
			d.note("pasv_min_port and pasv_max_port: " + err.Error())
			return
		}
		d.setDefault("passive.ports", list, "pasv_min_port, pasv_max_port")
	}
	source := "ephemeral"
	if d.yes("connect_from_port_20", false) {
		source = "auto"
		if port := d.value("ftp_data_port", "20"); port != "20" {
			source = port
		}
	}
	d.setDefault("active.source_port", source, "connect_from_port_20, ftp_data_port")
}

func vsftpdTLS(d *draft) {
	if !d.yes("ssl_enable", false) {
		return
	}
	certificate := d.value("rsa_cert_file", "/usr/share/ssl/certs/vsftpd.pem")
	d.setDefault("tls.certificate", certificate, "ssl_enable, rsa_cert_file")
	d.setDefault("tls.key", d.value("rsa_private_key_file", certificate), "rsa_private_key_file")
	d.note("the server's user must be able to read the key of the certificate")
	anonymous := d.yes("anonymous_enable", false)
	logins := d.yes("force_local_logins_ssl", true) && (!anonymous || d.yes("force_anon_logins_ssl", false))
	data := d.yes("force_local_data_ssl", true) && (!anonymous || d.yes("force_anon_data_ssl", false))
	const requires = "force_local_logins_ssl, force_local_data_ssl, force_anon_logins_ssl, force_anon_data_ssl"
	switch {
	case logins && data:
		d.setDefault("tls.require", "data", requires)
	case logins:
		d.setDefault("tls.require", "login", requires)
	default:
		d.setDefault("tls.require", "none", requires)
		if d.yes("force_local_logins_ssl", true) {
			put(d.group, "require_tls", true, "force_local_logins_ssl")
		}
		if d.yes("force_local_data_ssl", true) && anonymous {
			d.note("force_local_data_ssl: that data is encrypted cannot be required of some users alone; tls.require: data is for everybody")
		}
	}
	reuse := "auto"
	if d.yes("require_ssl_reuse", true) {
		reuse = "required"
	}
	d.setDefault("tls.session_reuse", reuse, "require_ssl_reuse")
	if authority := d.value("ca_certs_file", ""); authority != "" {
		d.setDefault("tls.client_ca", authority, "ca_certs_file")
		certificates := "optional"
		if d.yes("require_cert", false) {
			certificates = "required"
		}
		d.setDefault("tls.client_certificates", certificates, "require_cert")
	} else if d.yes("require_cert", false) {
		d.note("require_cert without ca_certs_file: name the authorities of your clients' certificates in tls.client_ca")
	}
}

func vsftpdLogs(d *draft) {
	on, both := d.yes("xferlog_enable", false), d.yes("dual_log_enable", false)
	standard := d.yes("xferlog_std_format", false)
	if both || on && standard {
		d.setDefault("log.xferlog", d.value("xferlog_file", "/var/log/xferlog"), "xferlog_enable, xferlog_std_format, xferlog_file, dual_log_enable")
	}
	if (both || on && !standard) && !d.yes("syslog_enable", false) {
		if file := d.value("vsftpd_log_file", ""); file != "" || both {
			d.setDefault("log.file", d.value("vsftpd_log_file", "/var/log/vsftpd.log"), "xferlog_enable, vsftpd_log_file, dual_log_enable")
		}
	}
}
