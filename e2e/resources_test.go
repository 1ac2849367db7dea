//go:build linux

package e2e

import (
	"fmt"
	"net/netip"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The memory limit comes from the cgroup. A mount namespace makes the server
// believe that it is in one.
func TestMemoryIsLimitedByTheCgroup(t *testing.T) {
	t.Parallel()
	needRoot(t)
	const limit = 200 << 20
	versions := map[string]struct{ cgroup, mounts, file, kind string }{
		"version 2": {"0::/box\n", "30 20 0:26 / %s rw - cgroup2 cgroup2 rw\n", "memory.max", "cgroup2"},
		"version 1": {"4:memory:/box\n", "30 20 0:26 / %s rw - cgroup cgroup rw,memory\n", "memory.limit_in_bytes", "cgroup"},
	}
	for name, v := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			tree := filepath.Join(s.dir, "cgroup")
			for _, err := range []error{
				os.MkdirAll(filepath.Join(tree, "box"), 0o755),
				os.WriteFile(filepath.Join(tree, "box", v.file), fmt.Appendf(nil, "%d\n", limit), 0o644),
				os.WriteFile(filepath.Join(tree, v.file), []byte("max\n"), 0o644),
				os.WriteFile(filepath.Join(s.dir, "self-cgroup"), []byte(v.cgroup), 0o644),
				os.WriteFile(filepath.Join(s.dir, "self-mountinfo"), fmt.Appendf(nil, v.mounts, tree), 0o644),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			// The shell becomes the server, so its process is the one.
			const script = `mount --bind "$1/self-cgroup" /proc/$$/cgroup && mount --bind "$1/self-mountinfo" /proc/$$/mountinfo && shift && exec "$@"`
			words := append([]string{"-m", "sh", "-c", script, "sh", s.dir}, asUser()...)
			cmd := exec.Command("unshare", append(words, suite.binary, "serve", "--config", s.configFile())...)
			cmd.Dir, cmd.Env = suite.dir, append(cleanEnvironment(suite.dir), "PATH="+os.Getenv("PATH"))
			p := startProgram(t, cmd)
			p.awaitGreeting(t, s.controlAddress())
			p.awaitLog(t, `memory is limited	{"limit": "180 MiB"}`)
		})
	}
}

func TestGOMEMLIMITGoesFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cmd := exec.Command(suite.binary, "serve", "--config", s.configFile())
	suite.identity.apply(cmd)
	cmd.Dir, cmd.Env = suite.dir, append(cleanEnvironment(suite.dir), "GOMEMLIMIT=64MiB")
	p := startProgram(t, cmd)
	p.awaitGreeting(t, s.controlAddress())
	p.awaitLog(t, `memory is limited	{"limit": "64 MiB"}`)
}

// Sessions are refused before open files run out, and the soft limit does not
// count.
func TestSessionsAreRefusedBeforeFilesRunOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("limits.sessions", 1000)
	file := s.configFile()
	const limits = `ulimit -Sn 64; ulimit -Hn 240; exec "$0" "$@"`
	limited := func(args ...string) *exec.Cmd {
		cmd := exec.Command("bash", append([]string{"-c", limits, suite.binary}, args...)...)
		suite.identity.apply(cmd)
		cmd.Dir, cmd.Env = suite.dir, cleanEnvironment(suite.dir)
		return cmd
	}
	most := (240 - 16 - 164 - len(s.settings["listeners"].([]any))) / 5
	out, err := limited("check", "--config", file).CombinedOutput()
	for _, want := range []string{fmt.Sprintf("; more than %d sessions", most), "limits.sessions: 1000 sessions are more"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%v: %q is not said in:\n%s", err, want, out)
		}
	}
	p := startProgram(t, limited("serve", "--config", file))
	p.awaitGreeting(t, s.controlAddress())
	var sessions []*raw
	local := netip.MustParseAddr("127.0.0.1")
	eventually(t, startTimeout, "the session of awaitGreeting has ended", func() bool { return strings.Contains(p.log.String(), "session closed") })
	for range most {
		r := dialRaw(t, s.controlAddress())
		r.login()
		sessions = append(sessions, r)
	}
	for range 3 * most {
		conn := dialFrom(t, s.controlAddress(), local)
		(&raw{textproto.NewConn(conn), t, conn, local}).expect(421)
	}
	for i, r := range sessions { // each still has the files for a transfer
		conn := r.stor(fmt.Sprintf("/file%d", i))
		if _, err := conn.Write([]byte("content")); err != nil {
			t.Error(err)
		}
		defer func() {
			_ = conn.Close()
			r.expect(226)
		}()
	}
	if strings.Contains(p.log.String(), "too many open files") {
		t.Error("files have run out")
	}
}
