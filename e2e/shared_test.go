//go:build unix

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/portico-ftp/portico/internal/redistest"
)

// together are servers with the same home that share their state in a Redis.
type together struct {
	t         *testing.T
	redis     *redistest.Server
	sites     []*site
	processes []*process
}

const redisPassword = "a-5ecret-of-redis"

// newTogether starts three servers, each with what change does to its site.
func newTogether(t *testing.T, change func(*site)) *together {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", suite.ports.take(t, 1).first)
	r := &together{t: t, redis: redistest.Start(t, address, "--requirepass", redisPassword)}
	for i := range 3 {
		s := newSite(t)
		if i > 0 {
			s.home = r.sites[0].home
			s.set("users.0.home", s.home)
		}
		s.set("shared", map[string]any{
			"redis": r.redis.URL(), "password_file": filepath.Join(s.dir, "redis.secret"),
			"lease": "2s", "timeout": "2s", // the machine may be busy
		})
		if err := os.WriteFile(filepath.Join(s.dir, "redis.secret"), []byte(redisPassword+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.set("admin.address", fmt.Sprintf("127.0.0.1:%d", suite.ports.take(t, 1).first))
		change(s)
		r.sites = append(r.sites, s)
		r.processes = append(r.processes, s.start())
	}
	r.awaitReplicas(3)
	return r
}

// status is what portico status says of a replica.
func (r *together) status(i int) string {
	r.t.Helper()
	_, out, errs := runPortico(r.t, suite.identity, "status", "--config", r.sites[i].configFile())
	return out + errs
}

// awaitReplicas waits until every replica that runs knows of n.
func (r *together) awaitReplicas(n int) {
	r.t.Helper()
	for i, p := range r.processes {
		if !p.ended() {
			eventually(r.t, startTimeout, fmt.Sprintf("replica %d knows of %d", i, n), func() bool {
				return strings.Contains(r.status(i), fmt.Sprintf("here, %d replicas", n))
			})
		}
	}
}

// tryLogin logs in to a replica as userName. It returns the code of the last
// reply, and the connection.
func (r *together) tryLogin(i int) (int, *raw) {
	r.t.Helper()
	c := dialRawFrom(r.t, r.sites[i].controlAddress(), netip.MustParseAddr("127.0.0.1"))
	c.send("USER %s", userName)
	c.expect(331)
	c.send("PASS %s", suite.password)
	code, _, err := c.reply()
	if err != nil {
		r.t.Fatal(err)
	}
	return code, c
}

// A user has as many sessions as the limit says on all replicas together, and
// those of a replica that was killed end by themselves.
func TestReplicasCountSessionsTogether(t *testing.T) {
	t.Parallel()
	r := newTogether(t, func(s *site) { s.set("limits.sessions_per_user", 3) })
	var sessions []*raw
	for i := range 3 {
		code, c := r.tryLogin(i)
		if code != 230 {
			t.Fatalf("session %d: %d", i+1, code)
		}
		sessions = append(sessions, c)
	}
	for i := range 3 {
		if code, _ := r.tryLogin(i); code != 530 {
			t.Errorf("a fourth session at replica %d: %d, want 530", i, code)
		}
	}
	sessions[0].send("QUIT")
	sessions[0].expect(221)
	eventually(t, rawTimeout, "a session has ended", func() bool {
		code, _ := r.tryLogin(1)
		return code == 230
	})

	r.processes[2].signal(t, syscall.SIGKILL)
	<-r.processes[2].done
	eventually(t, rawTimeout, "the session of the dead replica has ended", func() bool {
		code, _ := r.tryLogin(0)
		return code == 230
	})
	if code, _ := r.tryLogin(1); code != 530 {
		t.Errorf("a fourth session: %d, want 530", code)
	}
	r.awaitReplicas(2)
}

// Redis goes and comes back in the middle. Nobody notices, but for the limit,
// which each replica then counts by itself.
func TestReplicasOutliveRedis(t *testing.T) {
	t.Parallel()
	r := newTogether(t, func(s *site) { s.set("limits.sessions_per_user", 2) })
	_, first := r.tryLogin(0)
	upload := first.stor("/file")
	if _, err := upload.Write([]byte("before ")); err != nil {
		t.Fatal(err)
	}

	r.redis.Stop()
	for i := range 2 {
		if code, _ := r.tryLogin(1); code != 230 {
			t.Errorf("session %d of replica 1 while Redis is away: %d, want 230", i+1, code)
		}
	}
	if code, _ := r.tryLogin(1); code != 530 {
		t.Errorf("a third session there: %d, want 530", code)
	}
	eventually(t, startTimeout, "the status says that it is away", func() bool { return strings.Contains(r.status(1), "away for") })
	if _, err := upload.Write([]byte("and after")); err != nil {
		t.Fatal(err)
	}
	_ = upload.Close()
	first.expect(226)
	if text, err := os.ReadFile(filepath.Join(r.sites[0].home, "file")); err != nil || string(text) != "before and after" {
		t.Errorf("the upload is %q, %v", text, err)
	}

	r.redis.Start()
	r.awaitReplicas(3)
	for i := range 3 {
		if code, _ := r.tryLogin(i); code != 530 {
			t.Errorf("a session more at replica %d, with Redis back: %d, want 530", i, code)
		}
	}
	for i, p := range r.processes {
		p.awaitLog(t, "the shared state is back")
		log := p.log.String()
		if n := strings.Count(log, "the shared state is away"); n != 1 {
			t.Errorf("replica %d warns %d times, want once", i, n)
		}
		if strings.Contains(log, redisPassword) {
			t.Errorf("the log of replica %d has the password of Redis", i)
		}
	}
}
