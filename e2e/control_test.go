//go:build unix

package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exchange is a command of a logged-in client and the code that answers it.
type exchange struct {
	line string
	code int
}

// exchanges are commands that any client may send at any time after login.
// Each finds what those before it have left.
func exchanges() []exchange {
	return []exchange{
		{"NOOP", 200}, {"SYST", 215}, {"FEAT", 211}, {"HELP", 214}, {"HELP STOR", 214}, {"HELP XYZZY", 502}, {"XYZZY", 500},
		{"OPTS UTF8 ON", 200}, {"OPTS MLST Type;Size;", 200}, {"OPTS HASH SHA-1", 200}, {"OPTS XYZZY", 501}, {"LANG EN", 200}, {"LANG FR", 504},
		{"CLNT e2e", 200}, {"ACCT x", 202}, {"ALLO 100", 202}, {"SMNT /", 502}, {"MODE S", 200}, {"MODE B", 504},
		{"STRU F", 200}, {"STRU P", 504}, {"TYPE E", 504}, {"TYPE A", 200}, {"STRU R", 200}, {"STRU F", 200}, {"TYPE I", 200}, {"STRU R", 504},
		{"PWD", 257}, {"MKD quoted", 257}, {"MKD quoted", 550}, {"CWD quoted", 250}, {"PWD", 257}, {"CDUP", 250}, {"CWD nowhere", 550},
		{"XMKD old", 257}, {"XCWD old", 250}, {"XPWD", 257}, {"XCUP", 250}, {"XRMD old", 250},
		{"SIZE file", 213}, {"SIZE nothing", 550}, {"MDTM file", 213}, {"MFMT 20200102030405 file", 213}, {"MFF UNIX.mode=0600; file", 213}, {"MFF X=1; file", 504},
		{"MLST file", 250}, {"STAT", 211}, {"STAT quoted", 212}, {"STAT file", 213}, {"STAT nothing", 450}, {"AVBL", 213},
		{"HASH file", 213}, {"RANG 0 1", 350}, {"HASH file", 213}, {"XCRC file", 250}, {"XMD5 file", 250}, {"XSHA file", 250},
		{"XSHA1 file", 250}, {"XSHA256 file", 250}, {`XSHA512 "file" 0 1`, 250}, {"XMD5 nothing", 550},
		{"SITE HELP", 214}, {"SITE WHOAMI", 200}, {"SITE UMASK 022", 200}, {"SITE IDLE 100", 200}, {"SITE CHMOD 644 file", 200}, {"SITE CHMOD 755", 501},
		{"SITE UTIME 20200102030405 file", 200}, {"SITE MKDIR a/b", 257}, {"SITE CPFR file", 350}, {"SITE CPTO a/b/copy", 250}, {"SITE RMDIR a", 250},
		{"SITE XYZZY", 504}, {"RNFR file", 350}, {"RNTO other", 250}, {"RNTO file", 503}, {"RNFR other", 350}, {"RNTO file", 250}, {"RNFR nothing", 550},
		{"DELE nothing", 550}, {"RMD quoted", 250}, {"RMD /", 550}, {"REST 3", 350}, {"REST 0", 350}, {"REST x", 501}, {"ABOR", 226},
		{"EPSV ALL 2", 501}, {"EPSV 2", 522}, {"PORT 1,2,3", 501}, {"PORT 192,0,2,1,100,100", 501}, {"EPRT |1|192.0.2.1|4000|", 501},
	}
}

// securities are those that the exchanges are sent over.
func securities() []security { return []security{plain, explicit, implicit} }

func (s *site) place(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.home, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
	if err := suite.identity.own(s.home); err != nil {
		s.t.Fatal(err)
	}
}

func TestCurlQuotesEveryVerb(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	for _, way := range securities() {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.place("file", "content")
			s.start()
			c := &curl{t: t, endpoint: s.endpoint(route{epsv, way, "127.0.0.1"}, t.TempDir())}
			args := []string{"--head"}
			for _, e := range exchanges() {
				args = append(args, "--quote", "*"+e.line) // a refusal is no reason to stop
			}
			if _, err := c.run(append(args, c.url(""))...); err != nil {
				t.Fatalf("%v\n%s", err, c.trace())
			}
			checkTrace(t, c.trace())
		})
	}
}

func TestLftpQuotesEveryVerb(t *testing.T) {
	t.Parallel()
	need(t, "lftp")
	for _, way := range securities() {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.place("file", "content")
			s.start()
			l := newLftp(t, s.endpoint(route{epsv, way, "127.0.0.1"}, t.TempDir()))
			script := append(l.settings(), l.open(), "set cmd:fail-exit no")
			for _, e := range exchanges() {
				script = append(script, "quote "+lftpQuote(e.line))
			}
			script = append(script, "echo done")
			out, err := runClient(t, l.scratch, &l.said, "lftp", "--norc", "-c", strings.Join(script, "; "))
			if err != nil || !bytes.HasSuffix(out, []byte("done\n")) {
				t.Fatalf("%v\n%s\n%s", err, out, l.trace())
			}
			checkReplies(t, string(out))
		})
	}
}

// checkTrace looks for the exchanges, in their order, in what curl tells that it
// has sent and received.
func checkTrace(t *testing.T, trace string) {
	t.Helper()
	lines := strings.Split(strings.ReplaceAll(trace, "\r", ""), "\n")
	at := 0
	for _, e := range exchanges() {
		for at < len(lines) && lines[at] != "> "+e.line {
			at++
		}
		if at++; at > len(lines) {
			t.Fatalf("%s was not sent:\n%s", e.line, trace)
		}
		for ; at < len(lines); at++ { // behind the first lines of a reply in several
			if reply, ok := strings.CutPrefix(lines[at], "< "); ok && len(reply) > 3 && reply[3] == ' ' && reply[0] != ' ' {
				if want := fmt.Sprintf("%d ", e.code); !strings.HasPrefix(reply, want) {
					t.Errorf("%s: %q, want %d", e.line, reply, e.code)
				}
				break
			}
		}
	}
}

// checkReplies looks for the codes of the exchanges in the replies that lftp
// prints.
func checkReplies(t *testing.T, printed string) {
	t.Helper()
	var finals []string
	for line := range strings.Lines(printed) {
		if len(line) > 3 && line[3] == ' ' && strings.Trim(line[:3], "0123456789") == "" {
			finals = append(finals, strings.TrimSpace(line))
		}
	}
	if len(finals) != len(exchanges()) {
		t.Fatalf("%d replies, want %d:\n%s", len(finals), len(exchanges()), printed)
	}
	for i, e := range exchanges() {
		if want := fmt.Sprintf("%d ", e.code); !strings.HasPrefix(finals[i], want) {
			t.Errorf("%s: %q, want %d", e.line, finals[i], e.code)
		}
	}
}

// secure is a raw control connection over a route.
type secure struct {
	*raw
	config *tls.Config // nil in clear
}

func dialSecure(t *testing.T, s *site, way security) *secure {
	t.Helper()
	r := &secure{}
	if way == implicit {
		conn := dialFrom(t, net.JoinHostPort("127.0.0.1", fmt.Sprint(s.implicit)), loopback())
		r.raw = &raw{nil, t, conn, loopback()}
		r.startTLS()
		r.expect(220)
		return r
	}
	r.raw = dialRaw(t, s.controlAddress())
	if way == explicit {
		r.do("AUTH TLS", 234)
		r.startTLS()
	}
	return r
}

func (r *secure) startTLS() {
	r.config = suite.tls.client("127.0.0.1")
	r.config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	r.Conn = textproto.NewConn(tls.Client(r.conn, r.config))
}

func (r *secure) do(line string, code int) string {
	r.t.Helper()
	r.send("%s", line)
	got, text, err := r.reply()
	if err != nil || got != code {
		r.t.Fatalf("%s: reply %d %s and %v, want %d", line, got, text, err, code)
	}
	return text
}

// stream opens a data connection, which is encrypted if PROT P is set.
func (r *secure) stream(line string) io.ReadWriteCloser {
	r.t.Helper()
	conn := r.data(r.epsv())
	r.do(line, 150)
	if r.config == nil {
		return conn
	}
	return tls.Client(conn, r.config)
}

func (r *secure) put(line, content string) {
	r.t.Helper()
	conn := r.stream(line)
	if _, err := io.WriteString(conn, content); err != nil {
		r.t.Fatal(line, err)
	}
	_ = conn.Close()
	r.expect(226)
}

func (r *secure) take(line, want string) {
	r.t.Helper()
	conn := r.stream(line)
	got, err := io.ReadAll(conn)
	if err != nil || want != "" && string(got) != want {
		r.t.Errorf("%s: %q and %v, want %q", line, got, err, want)
	}
	_ = conn.Close()
	r.expect(226)
}

// TestEveryVerbOverSockets has what the clients above do not send by
// themselves or would stumble over.
func TestEveryVerbOverSockets(t *testing.T) {
	t.Parallel()
	for _, way := range securities() {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.place("file", "content")
			s.start()
			r := dialSecure(t, s, way)
			r.do("PASS x", 503)
			r.do("PWD", 530)
			r.do("HOST nowhere.example", 504)
			if way == plain {
				r.do("PBSZ 0", 503)
				r.do("PROT P", 503)
				r.do("CCC", 533)
				r.do("AUTH XYZZY", 504)
			} else {
				r.do("AUTH TLS", 503)
				r.do("PBSZ 0", 200)
				r.do("PROT E", 536)
				r.do("PROT P", 200)
				r.do("CCC", 534)
			}
			r.login()
			for _, e := range exchanges() {
				r.do(e.line, e.code)
			}
			r.do("PASV", 227)
			r.do("PORT 127,0,0,1,100,100", 200)
			r.do("EPRT |1|127.0.0.1|40000|", 200)
			r.put("STOR new", "0123456789")
			r.put("APPE new", "+")
			r.do("REST 8", 350)
			r.take("RETR new", "89+")
			r.put("STOU", "unique")
			r.take("LIST -la *", "")
			r.take("NLST n*", "new\r\n")
			r.take("MLSD", "")
			conn := r.stream("STOR aborted")
			r.do("NOOP", 200)
			r.do("STAT", 211)
			r.send("\xff\xf4\xff\xf2ABOR")
			r.expect(426)
			r.expect(226)
			_ = conn.Close()
			r.do("EPSV ALL", 200)
			r.do("PASV", 501)
			r.do("REIN", 220)
			if way == explicit { // in clear again
				return
			}
			r.do("PWD", 530)
			r.do("QUIT", 221)
		})
	}
}

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }
