//go:build linux

package main

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// insideVariable is set for the run of this test binary in a root of its own.
const insideVariable = "DIST_TEST_INSIDE"

// enterWith runs TestInside in a mount and a network namespace, where it may
// install packages and bind port 21 without a trace on this machine.
func enterWith(t *testing.T, d *distribution) {
	needRoot(t)
	need(t, "unshare", "ip", "dpkg", "setpriv", "curl", "bash", "systemd-analyze", "systemd-socket-activate", "logrotate")
	packages := t.TempDir()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	next := *d
	next.out, next.release.Version = t.TempDir(), "v0.1.0"
	if err := next.pack(native(), "deb", filepath.Join(d.stage, native().name())); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"first.deb": one(t, d.out, "*.deb"), "next.deb": one(t, next.out, "*.deb"), "test": binary} {
		copyFile(t, from, filepath.Join(packages, name))
	}
	cmd := exec.Command("unshare", "--mount", "--net", "--propagation", "private", "testdata/enter.sh", t.TempDir(), packages,
		"/run/dist/test", "-test.v", "-test.run", "^TestInside$", "-test.timeout", "5m")
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", insideVariable + "=1", "TMPDIR=/tmp"}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: TestInside") {
		t.Error(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
}

const (
	configuration = "/etc/portico/portico.yaml"
	stored        = "/srv/ftp/alice/report.txt"
)

// TestInside is the life of a package: each step needs the ones before.
func TestInside(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		t.Skip("runs in a root of its own, for TestDistribution")
	}
	// Images of Debian leave out documentation; and pages need no index here.
	if excluded, _ := filepath.Glob("/etc/dpkg/dpkg.cfg.d/*"); excluded != nil {
		command(t, "rm", excluded...)
	}
	write(t, "/var/lib/man-db/auto-update.off", "")
	_ = os.Remove("/var/lib/man-db/auto-update")

	var server *exec.Cmd
	for _, step := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"install", func(t *testing.T) {
			if out := command(t, "dpkg", "-i", "/run/dist/first.deb"); !strings.Contains(out, "Portico is installed, and not started") {
				t.Errorf("it says:\n%s", out)
			}
			if out := shell(t, "systemctl is-enabled portico.service portico.socket portico-bans.path || true"); out != "disabled\ndisabled\ndisabled\n" {
				t.Errorf("the units are %q", out)
			}
		}},
		{"files", checkFiles},
		{"units are valid", func(t *testing.T) {
			out := command(t, "systemd-analyze", "verify", "--man=no", "portico.service", "portico.socket", "portico-bans.path", "portico-bans.service")
			if strings.Contains(out, "portico") {
				t.Error(out)
			}
			if out := shell(t, "grep -l /usr/local /usr/lib/systemd/system/portico* || true"); out != "" {
				t.Errorf("these name a program elsewhere:\n%s", out)
			}
		}},
		{"other files are valid", func(t *testing.T) {
			command(t, "bash", "-n", "/usr/share/bash-completion/completions/portico")
			command(t, "logrotate", "--debug", "/etc/logrotate.d/portico")
			shell(t, "zcat /usr/share/man/man1/portico.1.gz | grep -q '^.TH'")
		}},
		{"nobody may log in at first", func(t *testing.T) {
			if out := command(t, "portico", "user", "list", "--config", configuration); strings.Count(out, "\n") > 1 {
				t.Error(out)
			}
		}},
		{"serve", func(t *testing.T) {
			shell(t, "echo secret-of-alice | portico user add alice --config "+configuration+" --groups local")
			server = serveAsInstalled(t)
			exchange(t)
			checkOwner(t, stored, 0o666&^fs.FileMode(0o027), "portico", "portico")
			command(t, "portico", "check", "--live", "--config", configuration)
		}},
		{"upgrade keeps what was changed, and hands over", func(t *testing.T) {
			write(t, configuration, read(t, configuration)+"banner: Welcome\n")
			command(t, "dpkg", "-i", "/run/dist/next.deb")
			if text := read(t, configuration); !strings.HasSuffix(text, "banner: Welcome\n") {
				t.Error("the configuration is lost")
			}
			if text := read(t, "/etc/portico/users.yaml"); !strings.Contains(text, "alice") {
				t.Error("the users are lost")
			}
			checkOwner(t, configuration, 0o640, "root", "portico")
			command(t, "portico", "upgrade", "--config", configuration) // as postinst does where systemd runs
			exchange(t)
			if out := shell(t, "curl -sv --user alice:secret-of-alice ftp://127.0.0.1/ 2>&1"); !strings.Contains(out, "220 Welcome") {
				t.Errorf("the successor does not greet as configured:\n%s", out)
			}
		}},
		{"remove leaves what is not the package's", func(t *testing.T) {
			stop(t, server)
			command(t, "dpkg", "-r", "portico")
			wantGone(t, "/usr/bin/portico", "/usr/lib/systemd/system/portico.service")
			wantThere(t, stored, configuration, "/etc/portico/users.yaml", "/var/lib/portico/quota.db", "/var/log/portico/audit.log")
		}},
		{"purge leaves users' files", func(t *testing.T) {
			command(t, "dpkg", "-P", "portico")
			wantGone(t, "/etc/portico", "/var/lib/portico", "/var/log/portico", "/etc/logrotate.d/portico")
			wantThere(t, stored)
			command(t, "getent", "passwd", "portico")
		}},
		{"install after a purge", func(t *testing.T) {
			command(t, "dpkg", "-i", "/run/dist/next.deb")
			checkFiles(t)
			wantThere(t, stored)
		}},
	} {
		if !t.Run(step.name, step.do) {
			t.FailNow()
		}
	}
}

func checkFiles(t *testing.T) {
	for path, want := range map[string]struct {
		mode         fs.FileMode
		owner, group string
	}{
		"/usr/bin/portico":                           {0o755, "root", "root"},
		configuration:                                {0o640, "root", "portico"},
		"/etc/portico/users.yaml":                    {0o640, "root", "portico"},
		"/etc/logrotate.d/portico":                   {0o644, "root", "root"},
		"/usr/lib/systemd/system/portico.service":    {0o644, "root", "root"},
		"/usr/share/man/man5/portico.yaml.5.gz":      {0o644, "root", "root"},
		"/usr/share/doc/portico/copyright":           {0o644, "root", "root"},
		"/usr/share/doc/portico/portico.cdx.json":    {0o644, "root", "root"},
		"/usr/share/zsh/vendor-completions/_portico": {0o644, "root", "root"},
		"/srv/ftp":         {fs.ModeDir | 0o755, "portico", "portico"},
		"/var/lib/portico": {fs.ModeDir | 0o700, "portico", "portico"},
		"/var/log/portico": {fs.ModeDir | 0o750, "portico", "portico"},
	} {
		checkOwner(t, path, want.mode, want.owner, want.group)
	}
	account, err := user.Lookup("portico")
	if err != nil {
		t.Fatal(err)
	}
	if uid, _ := strconv.Atoi(account.Uid); uid == 0 || uid >= 1000 || account.HomeDir != "/srv/ftp" {
		t.Errorf("the user is %+v", account)
	}
}

func checkOwner(t *testing.T, path string, mode fs.FileMode, owner, group string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Error(err)
		return
	}
	ids := info.Sys().(*syscall.Stat_t)
	u, userErr := user.LookupId(fmt.Sprint(ids.Uid))
	g, groupErr := user.LookupGroupId(fmt.Sprint(ids.Gid))
	if userErr != nil || groupErr != nil {
		t.Errorf("%s: %v, %v", path, userErr, groupErr)
		return
	}
	if info.Mode() != mode || u.Username != owner || g.Name != group {
		t.Errorf("%s is %v %s:%s, want %v %s:%s", path, info.Mode(), u.Username, g.Name, mode, owner, group)
	}
}

// serveAsInstalled starts the server as the units do: the socket is bound by
// somebody else, and the server is the user portico without any right.
func serveAsInstalled(t *testing.T) *exec.Cmd {
	t.Helper()
	command(t, "install", "-d", "-o", "portico", "-g", "portico", "/run/portico") // RuntimeDirectory=
	command(t, "runuser", "-u", "portico", "--", "test", "!", "-w", configuration)
	log, err := os.Create("/run/server.log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("systemd-socket-activate", "--listen=21", "setpriv", "--reuid=portico", "--regid=portico", "--init-groups",
		"--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "sh", "-c", "umask 027; exec /usr/bin/portico serve --config "+configuration)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitLive(t)
	return cmd
}

// awaitLive waits for the greeting; the first connection starts the server.
func awaitLive(t *testing.T) {
	t.Helper()
	var out []byte
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", "127.0.0.1:21")
		if err != nil {
			continue
		}
		conn.Close()
		if out, err = exec.Command("portico", "check", "--live", "--config", configuration).CombinedOutput(); err == nil {
			return
		}
	}
	t.Fatalf("it does not answer: %s\n%s", out, read(t, "/run/server.log"))
}

// exchange stores a file and fetches it again.
func exchange(t *testing.T) {
	t.Helper()
	text := fmt.Sprintf("stored at %v\n", time.Now())
	write(t, "/tmp/report.txt", text)
	const url = "ftp://alice:secret-of-alice@127.0.0.1/report.txt"
	command(t, "curl", "-sS", "--fail", "-T", "/tmp/report.txt", url)
	if got := command(t, "curl", "-sS", "--fail", url); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
	if got := read(t, stored); got != text {
		t.Errorf("%s holds %q", stored, got)
	}
}

// stop ends the server, or its successor.
func stop(t *testing.T, server *exec.Cmd) {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, "/run/portico/portico.pid")))
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []int{pid, server.Process.Pid} {
		_ = syscall.Kill(one, syscall.SIGTERM) // one of them may have ended by itself
	}
	_ = server.Wait()
	for deadline := time.Now().Add(30 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not end:\n%s", read(t, "/run/server.log"))
		}
		// Whose parent has ended is nobody's to wait for here.
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(state), ") Z ") {
			return
		}
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func shell(t *testing.T, script string) string {
	t.Helper()
	return command(t, "sh", "-ec", script)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantGone(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
}

func wantThere(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}
