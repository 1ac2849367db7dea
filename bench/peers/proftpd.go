//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

var proftpd = &peer{name: "ProFTPD", command: startProFTPD}

// startProFTPD serves a virtual user out of a file. The delays that hide whether
// a name exists are off, as are its record of sessions and all logs. With a file of
// authorities of its own, sessions do not each read all those of the machine.
func startProFTPD(l *lab, p ports) (*exec.Cmd, error) {
	root := filepath.Join(l.peers, "proftpd")
	users := filepath.Join(l.programs, "proftpd.passwd")
	user := fmt.Sprintf("%s:%s:%d:%d::%s:/bin/sh\n", userName, l.hash, userID, userID, l.home)
	if err := os.WriteFile(users, []byte(user), 0o600); err != nil {
		return nil, err
	}
	path := filepath.Join(l.programs, "proftpd.conf")
	config := fmt.Sprintf(`
ModulePath %[1]s/usr/lib/proftpd
LoadModule mod_tls.c
ServerType standalone
ServerName bench
ServerIdent on "ready"
DefaultAddress 127.0.0.1
SocketBindTight on
Port %[2]d
PassivePorts %[3]d %[4]d
User nobody
Group nogroup
AuthOrder mod_auth_file.c
AuthUserFile %[5]s
RequireValidShell off
DefaultRoot ~
AllowOverwrite on
Umask 022
UseReverseDNS off
UseSendfile on
DelayEngine off
MaxInstances none
TCPBacklog 255
TimeoutIdle 600
TimeoutLogin 300
ScoreboardFile none
PidFile %[6]s/proftpd.pid
DelayTable none
WtmpLog off
TransferLog none
SystemLog none
TLSEngine on
TLSRequired off
TLSLog none
TLSProtocol TLSv1.2 TLSv1.3
TLSOptions NoSessionReuseRequired
TLSECCertificateFile %[6]s/cert.pem
TLSECCertificateKeyFile %[6]s/key.pem
TLSVerifyClient off
TLSCACertificateFile %[6]s/cert.pem
TLSRenegotiate none
`, root, p.control, p.first, p.last, users, l.programs)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return l.asRoot(root, filepath.Join(root, "usr/sbin/proftpd"), "-n", "-q", "-c", path), nil
}
