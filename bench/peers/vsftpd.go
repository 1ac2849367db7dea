//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

var vsftpd = &peer{
	name:    "vsftpd",
	command: startVsftpd,
	lacks:   map[kind]string{mlsd: "vsftpd has no MLSD"},
}

// startVsftpd serves a local user, checked by PAM. For speed it is without the
// name spaces and the system call filter that it puts around each session;
// sendfile is on by default.
func startVsftpd(l *lab, p ports) (*exec.Cmd, error) {
	root := filepath.Join(l.peers, "vsftpd")
	empty := filepath.Join(l.programs, "vsftpd-empty")
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return nil, err
	}
	pam := "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n"
	if err := os.WriteFile(filepath.Join(l.account("pam.d"), "vsftpd"), []byte(pam), 0o644); err != nil {
		return nil, err
	}
	settings := []string{
		"listen=YES", "background=NO", fmt.Sprintf("listen_port=%d", p.control), "listen_address=127.0.0.1",
		fmt.Sprintf("pasv_min_port=%d", p.first), fmt.Sprintf("pasv_max_port=%d", p.last),
		"anonymous_enable=NO", "local_enable=YES", "write_enable=YES", "local_umask=022",
		"chroot_local_user=YES", "allow_writeable_chroot=YES", "secure_chroot_dir=" + empty, "pam_service_name=vsftpd",
		"max_clients=0", "max_per_ip=0", "max_login_fails=1000", "idle_session_timeout=600",
		"xferlog_enable=NO", "dirmessage_enable=NO", "session_support=NO", "tcp_wrappers=NO", "setproctitle_enable=NO",
		"isolate=NO", "isolate_network=NO", "seccomp_sandbox=NO",
		"ssl_enable=YES", "force_local_logins_ssl=NO", "force_local_data_ssl=NO", "require_ssl_reuse=NO", "ssl_ciphers=HIGH",
		"rsa_cert_file=" + l.certificate(), "rsa_private_key_file=" + l.key(),
	}
	path := filepath.Join(l.programs, "vsftpd.conf")
	if err := os.WriteFile(path, []byte(strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	return l.asRoot(root, filepath.Join(root, "usr/sbin/vsftpd"), path), nil
}
