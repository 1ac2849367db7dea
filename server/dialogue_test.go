package server_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

// exchange is a line and the codes that answer it: before USER, after USER,
// after login. They come from RFC 959 §5.4 and the RFCs of each command, not
// from the server's own table.
type exchange struct {
	line                   string
	fresh, named, loggedIn string
	underTLS               string // in place of the other three, if not empty
	renaming               string // after RNFR, if not as loggedIn
	beside                 bool   // answered beside a transfer
	leaves                 bool   // the login, the connection or TLS ends with it
}

// anytime answers with the same codes in every state.
func anytime(line, codes string) exchange {
	return exchange{line: line, fresh: codes, named: codes, loggedIn: codes}
}

// afterLogin is refused before login.
func afterLogin(line, codes string) exchange {
	return exchange{line: line, fresh: "530", named: "530", loggedIn: codes}
}

func (e exchange) encrypted(codes string) exchange { e.underTLS = codes; return e }
func (e exchange) afterRNFR(codes string) exchange { e.renaming = codes; return e }
func (e exchange) besideTransfers() exchange       { e.beside = true; return e }
func (e exchange) thatLeaves() exchange            { e.leaves = true; return e }

func exchanges() []exchange {
	return []exchange{
		anytime("USER alice", "331").thatLeaves(),
		anytime("USER", "501"),
		{line: "PASS " + testPassword, fresh: "503", named: "230", loggedIn: "503"},
		{line: "PASS wrong", fresh: "503", named: "530", loggedIn: "503"},
		anytime("ACCT payroll", "202"),
		anytime("ACCT", "501"),
		anytime("REIN", "220").thatLeaves(),
		anytime("QUIT", "221").thatLeaves(),
		{line: "HOST ftp.example", fresh: "220", named: "503", loggedIn: "503"},
		{line: "HOST nowhere.example", fresh: "504", named: "503", loggedIn: "503"},
		anytime("HOST", "501"),
		anytime("AUTH TLS", "234").encrypted("503").thatLeaves(),
		anytime("AUTH KERBEROS_V4", "504").encrypted("503"),
		anytime("AUTH", "501"),
		anytime("PBSZ 0", "503").encrypted("200"),
		anytime("PBSZ 16384", "503").encrypted("200"),
		anytime("PBSZ much", "503").encrypted("501"),
		anytime("PROT P", "503").encrypted("200"),
		anytime("prot c", "503").encrypted("200"),
		anytime("PROT S", "503").encrypted("536"),
		anytime("PROT E", "503").encrypted("536"),
		anytime("PROT X", "503").encrypted("504"),
		anytime("CCC", "533").encrypted("534"),
		anytime("ADAT x", "500"),

		afterLogin("SMNT /", "502"),
		afterLogin("PASV", "227"),
		afterLogin("EPSV", "229"),
		afterLogin("EPSV 1", "229"),
		afterLogin("EPSV 2", "522"),
		afterLogin("EPSV 3", "501"),
		afterLogin("epsv all", "200"),
		afterLogin("PORT 127,0,0,1,156,64", "200"),
		afterLogin("PORT 127,0,0,1,0,22", "501"),
		afterLogin("PORT 192,0,2,1,156,64", "501"),
		afterLogin("PORT 127.0.0.1", "501"),
		afterLogin("EPRT |1|127.0.0.1|40000|", "200"),
		afterLogin("EPRT !1!127.0.0.1!40000!", "200"),
		afterLogin("EPRT |1|127.0.0.1|22|", "501"),
		afterLogin("EPRT |7|127.0.0.1|40000|", "522"),
		afterLogin("EPRT", "501"),
		afterLogin("TYPE A", "200"),
		afterLogin("TYPE A N", "200"),
		afterLogin("type i", "200"),
		afterLogin("TYPE L 8", "200"),
		afterLogin("TYPE L 7", "504"),
		afterLogin("TYPE E", "504"),
		afterLogin("TYPE A T", "504"),
		afterLogin("TYPE", "501"),
		afterLogin("MODE s", "200"),
		afterLogin("MODE B", "504"),
		afterLogin("MODE C", "504"),
		afterLogin("STRU f", "200"),
		afterLogin("STRU R", "200"),
		afterLogin("STRU P", "504"),

		afterLogin("RETR file", "425"),
		afterLogin("RETR", "501"),
		afterLogin("STOR new", "425"),
		afterLogin("STOR", "501"),
		afterLogin("APPE file", "425"),
		afterLogin("APPE", "501"),
		afterLogin("STOU", "425"),
		afterLogin("LIST", "425"),
		afterLogin("NLST -la *.csv", "425"),
		afterLogin("MLSD", "425"),
		afterLogin("REST 0", "350"),
		afterLogin("REST 5", "504"), // the type is A
		afterLogin("REST half", "501"),
		afterLogin("REST -5", "501"),
		afterLogin("ALLO 1000", "202"),
		afterLogin("ALLO 1000 R 80", "202"),
		afterLogin("ALLO 1000 R many", "501"),
		afterLogin("ALLO much", "501"),
		afterLogin("ABOR", "226").besideTransfers(),

		afterLogin("CWD dir", "250"),
		afterLogin("CWD nothing", "550"),
		afterLogin("CWD file", "550"),
		afterLogin("CWD", "501"),
		afterLogin("XCWD dir", "250"),
		afterLogin("CDUP", "250"),
		afterLogin("XCUP", "250"),
		afterLogin("PWD", "257"),
		afterLogin("XPWD", "257"),
		afterLogin("MKD new", "257"),
		afterLogin("MKD dir", "550"),
		afterLogin("XMKD new", "257"),
		afterLogin("RMD dir", "250"),
		afterLogin("RMD file", "550"),
		afterLogin("RMD /", "550"),
		afterLogin("XRMD dir", "250"),
		afterLogin("DELE file", "250"),
		afterLogin("DELE dir", "550"),
		afterLogin("DELE nothing", "550"),
		afterLogin("RNFR file", "350"),
		afterLogin("RNFR nothing", "550"),
		afterLogin("RNTO other", "503").afterRNFR("250"),
		afterLogin("RNTO", "501"),
		afterLogin("SIZE file", "550"), // the type is A
		afterLogin("MDTM file", "213"),
		afterLogin("MDTM nothing", "550"),
		afterLogin("MFMT 20200102030405 file", "213"),
		afterLogin("MFMT 20200102030405 nothing", "550"),
		afterLogin("MFMT yesterday file", "501"),
		afterLogin("MFF Modify=20200102030405;UNIX.mode=0600; file", "213"),
		afterLogin("MFF Owner=root; file", "504"),
		afterLogin("MFF file", "501"),
		afterLogin("MLST", "250"),
		afterLogin("MLST file", "250"),
		afterLogin("MLST nothing", "550"),
		afterLogin("AVBL", "550"), // memory does not know
		afterLogin("RANG 1 3", "350"),
		afterLogin("RANG 3 1", "501"),
		afterLogin("RANG 1", "501"),
		afterLogin("HASH file", "213"),
		afterLogin("HASH nothing", "550"),
		afterLogin("XCRC file", "250"),
		afterLogin(`XMD5 "file" 1 3`, "250"),
		afterLogin("XSHA file", "250"),
		afterLogin("XSHA1 file", "250"),
		afterLogin("XSHA256 file 1", "250"),
		afterLogin("XSHA512 nothing", "550"),
		afterLogin(`XMD5 "file`, "501"),

		afterLogin("SITE", "501"),
		afterLogin("SITE EXEC ls", "504"),
		afterLogin("SITE HELP", "214"),
		afterLogin("SITE CHMOD 600 file", "200"),
		afterLogin("SITE CHMOD 755", "501"),
		afterLogin("SITE CHMOD 999 file", "501"),
		afterLogin("SITE CHMOD 600 nothing", "550"),
		afterLogin("SITE UMASK", "200"),
		afterLogin("SITE UMASK 027", "200"),
		afterLogin("SITE UMASK 888", "501"),
		afterLogin("SITE UTIME 202001020304 file", "200"),
		afterLogin("SITE UTIME file", "501"),
		afterLogin("SITE IDLE", "200"),
		afterLogin("SITE IDLE 60", "200"),
		afterLogin("SITE IDLE 0", "501"),
		afterLogin("SITE CPFR file", "350"),
		afterLogin("SITE CPFR nothing", "550"),
		afterLogin("SITE CPTO copy", "503"),
		afterLogin("SITE MKDIR a/b", "257"),
		afterLogin("SITE PORTS", "550"), // alice is no operator
		afterLogin("SITE RMDIR dir", "250"),
		afterLogin("SITE RMDIR /", "550"),
		afterLogin("SITE WHOAMI", "200"),

		anytime("CLNT test", "200"),
		anytime("CLNT", "501"),
		anytime("FEAT", "211"),
		anytime("HELP", "214"),
		anytime("help retr", "214"),
		anytime("HELP SITE CHMOD", "214"),
		anytime("HELP XYZZY", "502"),
		anytime("LANG", "200"),
		anytime("LANG en-GB", "200"),
		anytime("LANG FR", "504"),
		anytime("NOOP", "200").besideTransfers(),
		anytime("OPTS UTF8 ON", "200"),
		anytime("OPTS UTF8 OFF", "504"),
		anytime("OPTS MLST Size;Modify;", "200"),
		anytime("OPTS HASH MD5", "200"),
		anytime("OPTS HASH ROT13", "504"),
		anytime("OPTS XYZZY", "501"),
		anytime("OPTS", "501"),
		afterLogin("STAT", "211").besideTransfers(),
		afterLogin("STAT dir", "212"),
		afterLogin("STAT file", "213"),
		afterLogin("STAT nothing", "450"),
		anytime("SYST", "215"),

		anytime("", "500"),
		anytime("XYZZY", "500"),
		anytime("NOOP a\x00b", "501").besideTransfers(),
		anytime("NOOP a\rb", "501").besideTransfers(),
		anytime(strings.Repeat("x", 5000), "500"),
	}
}

// state is where a session stands when the line comes.
type state struct {
	name  string
	enter func(*client) (data net.Conn)
	want  func(exchange) string
}

func states() []state {
	return []state{
		{"fresh", func(*client) net.Conn { return nil }, func(e exchange) string { return e.fresh }},
		{"USER given", func(c *client) net.Conn { c.cmd(331, "USER alice"); return nil }, func(e exchange) string { return e.named }},
		{"logged in", func(c *client) net.Conn { c.logIn(); return nil }, func(e exchange) string { return e.loggedIn }},
		{"renaming", func(c *client) net.Conn { c.logIn(); c.cmd(350, "RNFR file"); return nil }, exchange.whenRenaming},
		{"transferring", startUpload, exchange.whenTransferring},
	}
}

func startUpload(c *client) net.Conn {
	c.logIn()
	data := c.passive()
	c.cmd(150, "STOR upload")
	return data
}

func (e exchange) whenRenaming() string {
	if e.renaming != "" {
		return e.renaming
	}
	return e.loggedIn
}

func (e exchange) whenTransferring() string {
	switch {
	case strings.EqualFold(e.line, "ABOR"):
		return "426 226"
	case e.beside:
		return e.loggedIn + " 226"
	default:
		return "226 " + e.loggedIn
	}
}

// Every line has exactly one final reply, of the right code and in its turn,
// in every state, in clear and under TLS.
func TestDialogue(t *testing.T) {
	t.Parallel()
	for _, encrypted := range []bool{false, true} {
		s := startSite(t, func(o *server.Options) {
			o.Auth = furnishedUser{}
			o.TLS = testCertificate(t)
			o.Logger = nil
			o.Ports = nil
			o.Hosts = []server.VirtualHost{{Name: "ftp.example"}}
		})
		for _, state := range states() {
			for _, e := range exchanges() {
				t.Run(fmt.Sprintf("TLS %v/%s/%.40q", encrypted, state.name, e.line), func(t *testing.T) {
					t.Parallel()
					c := dial(t, s.addr)
					c.expect(220)
					if encrypted {
						c.protect(nil)
						c.cmd(200, "PROT C")
						if e.underTLS != "" {
							e.fresh, e.named, e.loggedIn = e.underTLS, e.underTLS, e.underTLS
							e.leaves = false
						}
					}
					data := state.enter(c)
					c.send("%s", e.line)
					if data != nil && !e.beside {
						data.Close()
					}
					for _, code := range strings.Fields(state.want(e)) {
						if data != nil && e.beside && code == "226" {
							data.Close()
						}
						c.expectCode(code)
					}
					if e.leaves {
						return
					}
					c.cmd(214, "HELP NOOP") // comes next, so there was no second reply
					if state.name == "renaming" && !strings.HasPrefix(e.line, "RNFR") {
						c.cmd(503, "RNTO other")
					}
				})
			}
		}
	}
}

func (c *client) expectCode(code string) {
	c.t.Helper()
	reply, err := c.read()
	if err != nil || !strings.HasPrefix(reply, code) {
		c.t.Fatalf("reply %q and %v, want %s", reply, err, code)
	}
}

// TestDialogueKnowsEveryVerb keeps the table above complete.
func TestDialogueKnowsEveryVerb(t *testing.T) {
	t.Parallel()
	for _, verb := range server.Verbs() {
		if !slices.ContainsFunc(exchanges(), func(e exchange) bool {
			first, _, _ := strings.Cut(e.line, " ")
			return strings.EqualFold(first, verb)
		}) {
			t.Errorf("no exchange begins with %s", verb)
		}
	}
}

// furnishedUser gives alice the same few files anew at each login.
type furnishedUser struct{}

func (furnishedUser) Authenticate(ctx context.Context, attempt driver.Attempt) (*driver.Account, error) {
	fs := afero.NewMemMapFs()
	afero.WriteFile(fs, "/file", []byte("hello\n"), 0o644)
	fs.Chtimes("/file", time.Now(), time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC))
	fs.Mkdir("/dir", 0o755)
	return oneUser{fs}.Authenticate(ctx, attempt)
}
