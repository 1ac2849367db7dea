//go:build linux

package server_test

import (
	"bytes"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver/quota"
	"github.com/portico-ftp/portico/server"
)

// largeUpload is much more than what is copied before the kernel does it.
const largeUpload = 24<<20 + 12345

func randomBytes(t *testing.T, n int) []byte {
	t.Helper()
	content := make([]byte, n)
	rand.NewChaCha8([32]byte{31: 1}).Read(content)
	return content
}

func TestLargeUploads(t *testing.T) {
	t.Parallel()
	content := randomBytes(t, largeUpload)
	for name, test := range map[string]struct {
		layer     func(*testing.T) func(afero.Fs) afero.Fs
		change    func(*server.Options)
		encrypted bool
	}{
		"in clear":   {},
		"under TLS":  {encrypted: true},
		"at a limit": {change: func(o *server.Options) { o.Limits.Bandwidth.UploadPerSession = 200 << 20 }},
		"with a quota": {layer: func(t *testing.T) func(afero.Fs) afero.Fs {
			store, err := quota.Open(filepath.Join(t.TempDir(), "quota.db"), quota.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { store.Close() })
			return func(fs afero.Fs) afero.Fs {
				limited, err := store.Layer(t.Context(), "alice", quota.Limits{Bytes: 1 << 30}, fs)
				if err != nil {
					t.Fatal(err)
				}
				return limited
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var layer func(afero.Fs) afero.Fs
			if test.layer != nil {
				layer = test.layer(t)
			}
			s := startUploadSite(t, layer, func(o *server.Options) {
				o.TLS = testCertificate(t)
				if test.change != nil {
					test.change(o)
				}
			})
			c := greeted(t, s.site)
			if test.encrypted {
				c.protect(nil)
			}
			c.logIn()
			c.cmd(200, "TYPE I")
			half := len(content) / 2
			for _, command := range []string{"STOR new", "APPE new"} {
				data := c.passive()
				if test.encrypted {
					data = tls.Client(data, c.tls)
				}
				part := content[:half]
				if command == "APPE new" {
					part = content[half:]
				}
				c.cmd(150, "%s", command)
				if _, err := data.Write(part); err != nil {
					t.Fatal(err)
				}
				data.Close()
				c.expect(226)
			}
			if got := s.content(t, "new"); got != string(content) {
				t.Errorf("%d bytes have come, or others; want the %d that were sent", len(got), len(content))
			}
		})
	}
}

// What an interrupted upload leaves is what was sent first, whoever copies.
func TestInterruptedLargeUploadsGoOn(t *testing.T) {
	t.Parallel()
	content := randomBytes(t, largeUpload)
	for name, interrupt := range interruptions() {
		if strings.HasPrefix(name, "ABOR ") {
			continue // data may be on its way still when it ends
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startUploadSite(t, nil, func(o *server.Options) {
				if name == "a stall" {
					o.Limits.StallTimeout = 500 * time.Millisecond
				}
			})
			c := login(t, s.addr)
			c.cmd(200, "TYPE I")
			data := c.passive()
			c.cmd(150, "STOR new")
			if _, err := data.Write(content); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { // all but what no kernel's chunk is full of
				files, _ := filepath.Glob(filepath.Join(s.dir, ".portico-upload-*"))
				if len(files) != 1 {
					return false
				}
				info, err := os.Stat(files[0])
				return err == nil && info.Size() == largeUpload
			})
			interrupt(c, data)
			var partial []string
			eventually(t, func() bool {
				partial, _ = filepath.Glob(filepath.Join(s.dir, ".portico-upload-*.part"))
				return len(partial) == 1
			})
			data.Close()
			if kept, err := os.ReadFile(partial[0]); err != nil || !bytes.Equal(kept, content) {
				t.Errorf("the partial upload has %d bytes, or others (%v); want the %d that were sent", len(kept), err, len(content))
			}
			again := login(t, s.addr)
			again.cmd(200, "TYPE I")
			rest := again.passive()
			again.cmd(350, "REST %d", largeUpload)
			again.cmd(150, "STOR new")
			rest.Write([]byte(secondHalf))
			rest.Close()
			again.expect(226)
			if got := s.content(t, "new"); got != string(content)+secondHalf {
				t.Errorf("the file has %d bytes, or others, after the upload went on", len(got))
			}
		})
	}
}

// A slow client is no stalled one, even if it takes long over what the kernel
// copies at one time.
func TestSlowLargeUpload(t *testing.T) {
	t.Parallel()
	s := startUploadSite(t, nil, func(o *server.Options) { o.Limits.StallTimeout = 400 * time.Millisecond })
	content := randomBytes(t, largeUpload)
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	data := c.passive()
	c.cmd(150, "STOR new")
	if _, err := data.Write(content[:12<<20]); err != nil {
		t.Fatal(err)
	}
	writeSlowly(t, data, content[12<<20:12<<20+40], 20*time.Millisecond) // 0.8 s
	if _, err := data.Write(content[12<<20+40:]); err != nil {
		t.Fatal(err)
	}
	data.Close()
	c.expect(226)
	if got := s.content(t, "new"); got != string(content) {
		t.Errorf("%d bytes have come, or others", len(got))
	}
}

// writeSlowly writes a byte at each tick.
func writeSlowly(t *testing.T, conn net.Conn, content []byte, every time.Duration) {
	t.Helper()
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for i := range content {
		<-ticks.C
		if _, err := conn.Write(content[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
}
