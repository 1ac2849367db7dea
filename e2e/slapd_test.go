//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// slapd is a real LDAP server on ports of its own, run by the tests' user. It can
// be taken away and come back.
type slapd struct {
	t           *testing.T
	dir         string
	plain, tls  int // ports
	programPath string
	cmd         *exec.Cmd
	log         output
}

const (
	slapdProgram       = "/usr/sbin/slapd" // not in the PATH of everybody
	ldapBase           = "dc=example,dc=org"
	ldapSearcher       = "cn=portico,dc=example,dc=org"
	ldapSearchPassword = "search-5ecret-of-portico"
)

// slapdConfig lets anybody bind without a password and takes that for nobody, as
// RFC 4513 §5.1.2 has it and many servers do: so a client that asks with an empty
// password is told yes. Only the searcher and the user himself see an entry.
const slapdConfig = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.3.6.1.4.1.6981.11.3.3 NAME 'FTPQuotaMBytes' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.6981.11.2.3 NAME 'ftpUser' SUP top AUXILIARY MAY FTPQuotaMBytes )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
allow bind_anon_cred bind_anon_dn
TLSCACertificateFile %[2]s
TLSCertificateFile %[3]s
TLSCertificateKeyFile %[4]s
database mdb
maxsize 10485760
suffix "dc=example,dc=org"
directory %[1]s/db
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=portico,dc=example,dc=org" read by self read by * none
`

// ldapEntries has the homes at %[1]s, and the password %[2]s for erin.
const ldapEntries = `
dn: dc=example,dc=org
objectClass: domain
dc: example

dn: cn=portico,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: portico
userPassword: ` + ldapSearchPassword + `

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=erin,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: posixAccount
objectClass: ftpUser
uid: erin
cn: Erin
sn: A
mail: erin@example.org
mail: both@example.org
uidNumber: 1
gidNumber: 1
homeDirectory: %[1]s/erin
FTPQuotaMBytes: 1
userPassword: %[2]s
memberOf: cn=writers,ou=groups,dc=example,dc=org

dn: uid=carol,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: posixAccount
uid: carol
cn: Carol
sn: C
mail: both@example.org
uidNumber: 2
gidNumber: 2
homeDirectory: %[1]s/carol
userPassword: %[2]s

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: cn=writers,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: writers
member: uid=erin,ou=people,dc=example,dc=org
`

// newSlapd makes a directory with homes of its users, and does not start it.
func newSlapd(t *testing.T, homes string) *slapd {
	t.Helper()
	need(t, slapdProgram)
	dir, err := os.MkdirTemp(suite.dir, "slapd-")
	if err != nil {
		t.Fatal(err)
	}
	s := &slapd{t: t, dir: dir, plain: suite.ports.take(t, 1).first, tls: suite.ports.take(t, 1).first, programPath: filepath.Join(dir, "slapd")}
	// A copy, because AppArmor confines the one in /usr/sbin to its own files.
	program, err := os.ReadFile(slapdProgram)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(s.programPath, program, 0o755),
		os.WriteFile(filepath.Join(dir, "slapd.conf"), fmt.Appendf(nil, slapdConfig, dir, suite.tls.ca, suite.tls.certificate, suite.tls.key), 0o600),
		os.WriteFile(filepath.Join(dir, "entries.ldif"), fmt.Appendf(nil, ldapEntries, homes, suite.password), 0o600),
		os.Mkdir(filepath.Join(dir, "db"), 0o700),
		suite.identity.own(dir),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	add := s.command("-Tadd", "-f", "slapd.conf", "-l", "entries.ldif")
	if said, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, said)
	}
	t.Cleanup(s.stop)
	return s
}

func (s *slapd) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.programPath, args...)
	cmd.Dir = s.dir
	cmd.Env = cleanEnvironment(s.dir)
	suite.identity.apply(cmd)
	return cmd
}

func (s *slapd) start() {
	s.t.Helper()
	s.cmd = s.command("-d", "0", "-f", "slapd.conf", "-h", s.ldap()+"/ "+s.ldaps()+"/")
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for _, port := range []int{s.plain, s.tls} {
		deadline := time.Now().Add(startTimeout)
		for !accepts(port) {
			if time.Now().After(deadline) {
				s.t.Fatalf("slapd does not listen on port %d:\n%s", port, s.log.String())
			}
			time.Sleep(pollInterval)
		}
	}
}

func accepts(port int) bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// stop ends slapd, if it runs.
func (s *slapd) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(stopTimeout, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait() // the test is not about how it ends
	kill.Stop()
	s.cmd = nil
	if s.t.Failed() {
		s.t.Logf("slapd said:\n%s", bytes.TrimSpace([]byte(s.log.String())))
	}
}

func (s *slapd) ldap() string  { return fmt.Sprintf("ldap://127.0.0.1:%d", s.plain) }
func (s *slapd) ldaps() string { return fmt.Sprintf("ldaps://127.0.0.1:%d", s.tls) }
