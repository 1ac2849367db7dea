package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// From the old server's file to a configuration that `portico check` accepts,
// as docs/migrate.md tells it.
func TestImportedConfigurationPassesTheCheck(t *testing.T) {
	t.Parallel()
	certificate, key := writePair(t)
	pureftpd := t.TempDir()
	for name, value := range map[string]string{"NoAnonymous": "yes\n", "MaxClientsNumber": "20\n", "PassivePortRange": "30000 30010\n", "AltLog": "clf:/var/log/x\n"} {
		if err := os.WriteFile(filepath.Join(pureftpd, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, file := range map[string]string{
		"vsftpd": writeFile(t, "vsftpd.conf", "listen=YES\r\nlocal_enable=YES\r\nwrite_enable=YES\r\nssl_enable=YES\r\nrsa_cert_file="+string(certificate)+
			"\r\nrsa_private_key_file="+string(key)+"\r\nmax_clients=50\r\n"),
		"proftpd":   writeFile(t, "x.conf", "Port 2121\nAllowOverwrite on\nPassivePorts 30000 30010\nUmask 022\n<Directory />\nUmask 077\n</Directory>\n"),
		"pure-ftpd": pureftpd,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			imported := execute(t, "", nil, "config", "import", file)
			if imported.code != 0 || !strings.HasPrefix(imported.stderr, name+": ") {
				t.Fatalf("exit code %d: %s", imported.code, imported.stderr)
			}
			if again := execute(t, "", nil, "config", "import", file, "--from", name); again.stdout != imported.stdout {
				t.Error("--from makes another file")
			}
			settings := strings.Replace(imported.stdout, "home: /home/%u", "create_home: true\n    home: "+t.TempDir()+"/%u", 1)
			if settings == imported.stdout {
				t.Fatalf("the home is not where it is looked for:\n%s", settings)
			}
			configuration := writeFile(t, "portico.yaml", settings)
			execute(t, "secret\n", nil, "user", "add", "alice", "--config", configuration, "--groups", "users").want(t, 0)
			ports := freePorts(t, 2)
			environ := []string{"PORTICO_PASSIVE_PORTS=" + ports[0], `PORTICO_LISTENERS=[{"address": "127.0.0.1:` + ports[1] + `"}]`}
			execute(t, "", environ, "check", "--allow-root", "--config", configuration).want(t, 0, "ok    users: ")
		})
	}
}

func TestImportOfWhatIsNone(t *testing.T) {
	t.Parallel()
	hello := writeFile(t, "hello.txt", "hello world\n")
	large := writeFile(t, "vsftpd.conf", strings.Repeat("#\n", maxForeign))
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no such file":    {[]string{filepath.Join(t.TempDir(), "x")}, "FILE: stat "},
		"something else":  {[]string{hello}, "say which with --from (vsftpd, proftpd, pure-ftpd)"},
		"of an unknown":   {[]string{hello, "--from", "wu-ftpd"}, `--from: configurations of "wu-ftpd" cannot be imported`},
		"a disk of it":    {[]string{large}, "is too long to be a configuration"},
		"no file at all":  {nil, "accepts 1 arg"},
		"an empty folder": {[]string{t.TempDir()}, "nothing in "},
	} {
		o := execute(t, "", nil, append([]string{"config", "import"}, test.args...)...)
		if o.code != 1 || o.stdout != "" || !strings.Contains(o.stderr, test.want) {
			t.Errorf("%s: exit code %d, %q, want %q", name, o.code, o.stderr, test.want)
		}
	}
	o := execute(t, "", nil, "config", "import", hello, "--from", "vsftpd")
	o.want(t, 0, "hello world: is not option=value")
}
