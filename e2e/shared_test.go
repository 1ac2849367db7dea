//go:build unix

package e2e

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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

	for _, p := range r.processes {
		p.awaitLog(t, "the shared state is away")
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

// admits says whether a replica greets a client from an address.
func (r *together) admits(i int, from netip.Addr) bool {
	r.t.Helper()
	conn, err := rawDialer(from).DialContext(r.t.Context(), "tcp", r.sites[i].controlAddress())
	if err != nil { // it is reset before
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(rawTimeout))
	_, err = conn.Read(make([]byte, 4))
	return err == nil
}

// awaitBan waits until every replica closes an address out, or lets it in.
func (r *together) awaitBan(of netip.Addr, banned bool) {
	r.t.Helper()
	for i := range r.sites {
		eventually(r.t, banTimeout, fmt.Sprintf("%v is banned at replica %d: %v", of, i, banned), func() bool { return r.admits(i, of) != banned })
	}
}

// Who attacks one replica is closed out by all, and commands of the operator
// count for all.
func TestReplicasBanTogether(t *testing.T) {
	t.Parallel()
	attacker := secondClient(t)
	r := newTogether(t, func(s *site) {
		s.set("defence", map[string]any{"threshold": 6, "ban_file": filepath.Join(s.dir, "bans.json")})
	})
	portico := func(want string, args ...string) {
		t.Helper()
		code, out, errs := runPortico(t, suite.identity, append(args, "--config", r.sites[2].configFile())...)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("portico %v: exit code %d, %s%s, want %q", args, code, out, errs, want)
		}
	}
	c := dialRawFrom(t, r.sites[0].controlAddress(), attacker)
	for range 2 {
		c.send("USER %s", userName)
		c.expect(331)
		c.send("PASS %s", wrongPassword)
		c.expect(530)
	}
	c.send("USER %s", userName)
	c.expect(331)
	c.send("PASS %s", wrongPassword)
	r.awaitBan(attacker, true)
	portico(attacker.String(), "ban", "list")
	portico("", "ban", "del", attacker.String())
	r.awaitBan(attacker, false)
	portico("nobody is banned", "ban", "list")
	portico("", "ban", "add", attacker.String(), "--for", "1h")
	r.awaitBan(attacker, true)

	r.redis.Stop()
	r.processes[1].awaitLog(t, "the shared state is away")
	code, out, errs := runPortico(t, suite.identity, "ban", "list", "--config", r.sites[2].configFile())
	if code != 1 || !strings.Contains(errs, "shared.redis") || strings.Contains(out+errs, redisPassword) {
		t.Errorf("ban list without Redis: exit code %d, %s%s", code, out, errs)
	}
	r.redis.Start() // without its data
	r.awaitReplicas(3)
	r.awaitBan(attacker, true)
	eventually(t, banTimeout, "Redis is told of the ban", func() bool {
		_, out, _ := runPortico(t, suite.identity, "ban", "list", "--config", r.sites[0].configFile())
		return strings.Contains(out, attacker.String())
	})
}

// upload sends n bytes to a replica and returns the code of the final reply.
func (r *together) upload(i int, name string, n int) int {
	r.t.Helper()
	_, c := r.tryLogin(i)
	defer c.Close()
	c.send("TYPE I")
	c.expect(200)
	data := c.data(c.epsv())
	c.send("STOR %s", name)
	if code, text, err := c.reply(); err != nil || code != 150 {
		r.t.Logf("STOR: %d %s, %v", code, text, err)
		return code
	}
	_, _ = data.Write(make([]byte, n)) // the server may have had enough
	_ = data.Close()
	code, _, err := c.reply()
	if err != nil {
		r.t.Fatal(err)
	}
	return code
}

// A quota holds on all replicas together, through an absence of Redis, and can be
// counted anew while they run.
func TestReplicasCountQuotasTogether(t *testing.T) {
	t.Parallel()
	r := newTogether(t, func(s *site) { s.set("users.0.quota", map[string]any{"bytes": "100KiB"}) })
	want := func(code, replica int, name string, n int) {
		t.Helper()
		if got := r.upload(replica, name, n); got != code {
			t.Errorf("%s to replica %d: %d, want %d", name, replica, got, code)
		}
	}
	want(226, 0, "/a", 60<<10)
	want(552, 1, "/b", 60<<10)
	want(226, 1, "/b", 30<<10)
	want(552, 2, "/c", 20<<10)

	r.redis.Stop()
	want(226, 2, "/c", 5<<10)
	for _, p := range r.processes {
		p.awaitLog(t, "the shared state is away")
	}
	r.redis.Start() // without its data
	r.awaitReplicas(3)
	want(552, 0, "/d", 20<<10)
	_, c := r.tryLogin(1)
	c.send("DELE /a")
	c.expect(250)
	want(226, 2, "/d", 50<<10)

	home := r.sites[0].home
	if err := os.WriteFile(filepath.Join(home, "unseen"), make([]byte, 10<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := runPortico(t, suite.identity, "quota", "recount", "--config", r.sites[0].configFile())
	if wanted := fmt.Sprintf("%s: %d bytes", userName, 95<<10); code != 0 || !strings.Contains(out, wanted) {
		t.Errorf("quota recount: exit code %d, %s%s, want %q", code, out, errs, wanted)
	}
	want(552, 1, "/e", 6<<10)
	want(226, 1, "/e", 5<<10)
}

// A client that comes back to another replica resumes its TLS session there,
// though it may not use that session's tickets for data connections.
func TestReplicasResumeTLSSessionsOfEachOther(t *testing.T) {
	t.Parallel()
	r := newTogether(t, func(s *site) {
		file := filepath.Join(s.dir, "tickets.secret")
		if err := os.WriteFile(file, []byte("a-5ecret-of-all-replicas\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.set("shared.secret_file", file)
		s.set("tls.session_reuse", "required")
	})
	settings := suite.tls.client("127.0.0.1")
	settings.MinVersion, settings.ServerName = tls.VersionTLS13, "127.0.0.1"
	settings.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for i, wantResumed := range []bool{false, true, true} {
		conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.sites[i].implicit), settings)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(rawTimeout))
		if got := conn.ConnectionState().DidResume; got != wantResumed {
			t.Errorf("replica %d: resumed %v, want %v", i, got, wantResumed)
		}
		if _, err := conn.Read(make([]byte, 4)); err != nil { // the tickets come with it
			t.Error(err)
		}
		_ = conn.Close()
	}
	// With new tickets from the control connection, data connections pass what is
	// required of them.
	for i := range 3 {
		g := &goClient{t: t, endpoint: r.sites[i].endpoint(route{epsv, implicit, "127.0.0.1"}, t.TempDir()), tls: settings}
		c, err := g.session()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Stor(fmt.Sprint("file", i), strings.NewReader("content")); err != nil {
			t.Errorf("replica %d: %v", i, err)
		}
		g.close()
	}
}
