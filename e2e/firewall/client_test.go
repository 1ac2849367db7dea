//go:build linux

package firewall

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Ports on which clients wait in active mode. The doctor has its own among
// them, where no connection of another client's lingers.
const (
	clientPorts = "50000-50099"
	lftpPorts   = "50000-50089"
	doctorPort  = 50099
)

// errandTime bounds an errand; an open way takes a small part of it.
const errandTime = 12 * time.Second

// errand is an upload and a download of what was uploaded.
type errand struct {
	active, tls bool
	host        string
	port        int
	from        string // the client's address; empty: the system chooses
}

// run does the errand and says what went wrong. The client tries nothing but
// what it is told: no other mode, no other address.
func (e errand) run(t *testing.T, at *namespace) error {
	t.Helper()
	content := rand.Text()
	name := rand.Text() + ".txt"
	local := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(local, []byte(content), 0o600); err != nil {
		return err
	}
	onOff := map[bool]string{true: "yes", false: "no"}
	script := fmt.Sprintf(`set cmd:fail-exit yes; set cmd:move-background no; set net:timeout 3s; set net:max-retries 1; set net:persist-retries 0;
set ftp:auto-passive-mode no; set ftp:fix-pasv-address no; set ftp:prefer-epsv no; set ftp:port-range %s;
set ftp:passive-mode %s; set ftp:ssl-allow %s; set ftp:ssl-force %s; set ftp:ssl-protect-data %s;
set net:socket-bind-ipv4 "%s"; set ssl:ca-file %s; set ssl:check-hostname no;
open -u %s,%s ftp://%s:%d; put %s; cat %s`,
		lftpPorts, onOff[!e.active], onOff[e.tls], onOff[e.tls], onOff[e.tls],
		e.from, suite.certificate(), userName, suite.password, urlHost(e.host), e.port, local, name)
	ctx, cancel := context.WithTimeout(t.Context(), errandTime)
	defer cancel()
	cmd := at.command(ctx, "lftp", "--norc", "-c", script)
	said := &output{}
	cmd.Stderr = said
	got, err := cmd.Output()
	switch {
	case err != nil:
		return fmt.Errorf("%v: %s", err, said)
	case string(got) != content:
		return fmt.Errorf("got %q, want %q: %s", got, content, said)
	}
	return nil
}

// reaches says whether a TCP connection to an address opens and is answered.
func (ns *namespace) reaches(t *testing.T, host string, port int) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	out, err := ns.command(ctx, "curl", "-s", "--max-time", "1", fmt.Sprintf("http://%s:%d/", urlHost(host), port)).Output()
	return err == nil && string(out) == decoyText
}
