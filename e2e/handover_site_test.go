//go:build linux

package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
)

// handoverSite is a site whose server can be replaced. All its processes have one
// log. They run a program of their own, which a test may replace, too.
type handoverSite struct {
	*site
	program, logFile string
	file             string
}

// smallText is what the sessions of a load download.
const smallText = "small, and the same for everybody\n"

// startHandover starts the first server, by a command that may be changed. When the
// test ends, the last one must end with SIGTERM.
func startHandover(t *testing.T, s *site, changes ...func(*exec.Cmd)) *handoverSite {
	t.Helper()
	bin := filepath.Join(s.dir, "bin")
	h := &handoverSite{site: s, program: filepath.Join(bin, "portico"), logFile: filepath.Join(s.dir, "log")}
	if err := os.WriteFile(filepath.Join(s.home, "small.txt"), []byte(smallText), 0o644); err != nil {
		t.Fatal(err)
	}
	s.set("pid_file", h.pidFile())
	s.set("users", append(s.settings["users"].([]any), map[string]any{"name": "anonymous", "anonymous": true, "home": s.home}))
	h.file = s.configFile()
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	h.install(t, suite.binary)
	if err := suite.identity.own(s.dir); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(h.logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(h.program, "serve", "--config", h.file)
	suite.identity.apply(cmd)
	cmd.Dir, cmd.Env = suite.dir, cleanEnvironment(suite.dir)
	cmd.Stdout, cmd.Stderr = log, log
	for _, change := range changes {
		change(cmd)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { h.finish(t, cmd, ended) })
	eventually(t, startTimeout, "the server has written its pid file", func() bool {
		pid, err := h.readPID()
		return err == nil && pid == cmd.Process.Pid
	})
	return h
}

// finish stops the last server, and looks how the first one ended.
func (h *handoverSite) finish(t *testing.T, first *exec.Cmd, ended <-chan error) {
	if pid, err := h.readPID(); err == nil {
		_ = syscall.Kill(pid, syscall.SIGTERM)
		h.awaitEnd(t, pid)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the first server: %v", err)
		}
	case <-time.After(stopTimeout):
		_ = first.Process.Kill()
		t.Error("the first server did not end")
	}
	log := h.log(t)
	for _, banned := range []string{suite.password, "DATA RACE", "panic:", "goroutine "} {
		if strings.Contains(log, banned) {
			t.Errorf("the log contains %q", banned)
		}
	}
	if t.Failed() {
		t.Logf("the end of the log:\n%s", log[max(0, len(log)-logTail):])
	}
}

func (h *handoverSite) pidFile() string { return filepath.Join(h.dir, "portico.pid") }

func (h *handoverSite) readPID() (int, error) {
	text, err := os.ReadFile(h.pidFile())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func (h *handoverSite) pid(t *testing.T) int {
	t.Helper()
	pid, err := h.readPID()
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func (h *handoverSite) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(h.logFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// install puts a program where the server's was. Another process writes it: to a
// file that is open for writing, also in a child of this one that has not got to
// its own program yet, the kernel refuses to be run.
func (h *handoverSite) install(t *testing.T, from string) {
	t.Helper()
	if out, err := exec.Command("install", "-m", "755", from, h.program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// installScript is install for a text.
func (h *handoverSite) installScript(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h.install(t, path)
}

func (h *handoverSite) spoilConfiguration(t *testing.T, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(h.file)
	if err == nil {
		err = os.WriteFile(h.file, change(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// upgrade runs portico upgrade, as root where the tests do.
func (h *handoverSite) upgrade(t *testing.T) (code int, out, said string) {
	t.Helper()
	return run(t, exec.Command(suite.binary, "upgrade", "--config", h.file))
}

func (h *handoverSite) upgradeInVain(t *testing.T) {
	t.Helper()
	if code, out, said := h.upgrade(t); code != 1 || !strings.Contains(said, "goes on as before") {
		t.Errorf("exit code %d: %s%s", code, out, said)
	}
}

// signalInVain asks the server itself: portico upgrade reads the configuration
// first.
func (h *handoverSite) signalInVain(t *testing.T) {
	t.Helper()
	if code, _, said := h.upgrade(t); code != 1 || said == "" {
		t.Errorf("portico upgrade with a wrong configuration: exit code %d", code)
	}
	if err := syscall.Kill(h.pid(t), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
}

// hasEnded says whether a process is gone, or was not waited for yet.
func (h *handoverSite) hasEnded(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

func (h *handoverSite) awaitEnd(t *testing.T, pid int) {
	t.Helper()
	eventually(t, stopTimeout, fmt.Sprintf("process %d has ended", pid), func() bool { return h.hasEnded(pid) })
}

func (h *handoverSite) dial(s security) (*ftp.ServerConn, error) {
	const host = "127.0.0.1"
	port, options := h.control, []ftp.DialOption{ftp.DialWithTimeout(rawTimeout)}
	switch s {
	case explicit:
		options = append(options, ftp.DialWithExplicitTLS(suite.tls.client(host)))
	case implicit:
		port = h.implicit
		options = append(options, ftp.DialWithTLS(suite.tls.client(host)))
	}
	return ftp.Dial(fmt.Sprintf("%s:%d", host, port), options...)
}

// load begins sessions one after the other, whatever becomes of those before.
// Each logs in, downloads a small file, and leaves.
type load struct {
	done    atomic.Int64
	failed  atomic.Int64
	first   sync.Once
	failure error // the first
	ending  chan struct{}
	running sync.WaitGroup
	started time.Time
}

// atOneTime bounds the sessions of a load on a machine that is too slow for it.
const atOneTime = 500

func (h *handoverSite) startLoad(t *testing.T, s security, every time.Duration) *load {
	t.Helper()
	l := &load{ending: make(chan struct{}), started: time.Now()}
	ticker, slots := time.NewTicker(every), make(chan struct{}, atOneTime)
	l.running.Go(func() {
		defer ticker.Stop()
		for {
			select {
			case <-l.ending:
				return
			case <-ticker.C:
			}
			slots <- struct{}{}
			l.running.Go(func() {
				l.note(h.visit(s))
				<-slots
			})
		}
	})
	t.Cleanup(func() { l.stop(t) })
	return l
}

func (l *load) note(err error) {
	if err == nil {
		l.done.Add(1)
		return
	}
	l.failed.Add(1)
	l.first.Do(func() { l.failure = err })
}

// visit is one session.
func (h *handoverSite) visit(s security) error {
	c, err := h.dial(s)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer c.Quit()
	if err := c.Login("anonymous", "me@example.org"); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	response, err := c.Retr("small.txt")
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	text, err := io.ReadAll(response)
	if err == nil {
		err = response.Close()
	}
	if err != nil || string(text) != smallText {
		return fmt.Errorf("download: %q, %w", text, err)
	}
	return nil
}

// await waits for so many more sessions.
func (l *load) await(t *testing.T, more int64) {
	t.Helper()
	until := l.done.Load() + more
	eventually(t, 2*time.Minute, "sessions come to their end", func() bool { return l.done.Load() >= until || l.failed.Load() > 0 })
}

// stop ends the load. No session may have failed.
func (l *load) stop(t *testing.T) {
	t.Helper()
	select {
	case <-l.ending:
		return
	default:
	}
	close(l.ending)
	l.running.Wait()
	done, failed := l.done.Load(), l.failed.Load()
	t.Logf("%d sessions, %.0f a second", done, float64(done)/time.Since(l.started).Seconds())
	if failed > 0 {
		t.Errorf("%d of %d sessions failed, the first because of: %v", failed, done+failed, l.failure)
	}
}
