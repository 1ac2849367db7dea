package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A disk that is full fails the upload, and harms nothing. The disk is a tmpfs
// that the server's mount namespace alone has.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	needMountNamespace(t)
	s := newSite(t)
	cmd := exec.Command("unshare", "--mount", "sh", "-c", fmt.Sprintf(
		`mount -t tmpfs -o size=16m,mode=0777 portico-e2e %s && exec setpriv --reuid %d --regid %d --clear-groups %s serve --config %s`,
		s.home, suite.identity.uid, suite.identity.gid, suite.binary, s.configFile()))
	launch(t, cmd).awaitGreeting(t, s.controlAddress())
	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.stor("/file")
	_, _ = io.WriteString(conn, oldContent)
	_ = conn.Close()
	r.expect(226)
	for _, name := range []string{"/file", "/new"} {
		conn := r.stor(name)
		_, _ = io.CopyN(conn, endless{}, 64<<20) // fails when the server has had enough
		_ = conn.Close()
		if text := r.expect(552); !strings.Contains(text, "space") {
			t.Errorf("%s: the reply is %q, want it to speak of space", name, text)
		}
	}
	download := r.retr("/file")
	if got, err := io.ReadAll(download); err != nil || string(got) != oldContent {
		t.Errorf("the file holds %q (%v), want the old content", got, err)
	}
	r.expect(226)
	conn = r.stor("/fits") // nothing of the failed uploads fills the disk
	_, _ = io.CopyN(conn, endless{}, 15<<20)
	_ = conn.Close()
	r.expect(226)
}

// endless is a source of zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// needMountNamespace skips the test where it cannot have a disk of its own.
func needMountNamespace(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a disk that fills up takes a mount, which takes root")
	}
	if out, err := exec.Command("unshare", "--mount", "sh", "-c", "mount -t tmpfs portico-e2e /mnt && setpriv --version").CombinedOutput(); err != nil {
		t.Skipf("this machine lets nobody mount in a namespace of its own: %v: %s", err, out)
	}
}
