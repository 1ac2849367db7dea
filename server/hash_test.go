package server_test

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/server"
)

func TestChecksums(t *testing.T) {
	t.Parallel()
	const content = "The quick brown fox jumps over the lazy dog"
	s := startSite(t, nil)
	afero.WriteFile(s.fs, "/fox", []byte(content), 0o644)
	afero.WriteFile(s.fs, "/dir/fox 12", []byte(content), 0o644)
	afero.WriteFile(s.fs, "/empty", nil, 0o644)
	c := login(t, s.addr)
	hex := func(part string) map[string]string {
		p := []byte(part)
		return map[string]string{
			"CRC32": fmt.Sprintf("%08x", crc32.ChecksumIEEE(p)), "MD5": fmt.Sprintf("%x", md5.Sum(p)), "SHA-1": fmt.Sprintf("%x", sha1.Sum(p)),
			"SHA-256": fmt.Sprintf("%x", sha256.Sum256(p)), "SHA-512": fmt.Sprintf("%x", sha512.Sum512(p)),
		}
	}
	if got := hex(content)["MD5"]; got != "9e107d9d372bb6826bd81d3542a419d6" {
		t.Fatalf("this test computes MD5 wrongly: %s", got)
	}
	for verb, algorithm := range map[string]string{
		"XCRC": "CRC32", "XMD5": "MD5", "XSHA": "SHA-1", "XSHA1": "SHA-1", "XSHA256": "SHA-256", "XSHA512": "SHA-512",
	} {
		for arg, part := range map[string]string{
			"fox": content, `"fox"`: content, `"fox" 4`: content[4:], `"fox" 4 9`: content[4:9], "fox 4 9": content[4:9], "fox 4 400": content[4:],
			"/dir/fox 12": content, `"/dir/fox 12" 40`: content[40:], "/dir/fox 12 1 2": content[1:2], "empty": "",
		} {
			if got, want := c.cmd(250, "%s %s", verb, arg), "250 "+strings.ToUpper(hex(part)[algorithm]); got != want {
				t.Errorf("%s %s: got %q, want %q", verb, arg, got, want)
			}
		}
	}
	for algorithm, sum := range hex(content) {
		c.cmd(200, "OPTS HASH %s", strings.ToLower(algorithm))
		if got, want := c.cmd(213, "HASH dir/fox 12"), fmt.Sprintf("213 %s 0-42 %s dir/fox 12", algorithm, sum); got != want {
			t.Errorf("HASH: got %q, want %q", got, want)
		}
		c.cmd(350, "RANG 4 8")
		if got, want := c.cmd(213, "HASH fox"), fmt.Sprintf("213 %s 4-8 %s fox", algorithm, hex(content[4:9])[algorithm]); got != want {
			t.Errorf("HASH of a range: got %q, want %q", got, want)
		}
		if got := c.cmd(213, "HASH fox"); !strings.Contains(got, sum) {
			t.Errorf("the range applies to a second HASH: %q", got)
		}
		if got := c.cmd(200, "OPTS HASH"); got != "200 "+algorithm {
			t.Errorf("OPTS HASH: %q", got)
		}
		if got := c.cmd(211, "FEAT"); !strings.Contains(got, algorithm+"*;") {
			t.Errorf("FEAT does not mark %s: %q", algorithm, got)
		}
	}
	c.cmd(350, "RANG 4 8")
	c.cmd(350, "RANG 1 0")
	if got := c.cmd(213, "HASH fox"); !strings.Contains(got, " 0-42 ") {
		t.Errorf("HASH after RANG 1 0: %q", got)
	}
	c.cmd(350, "RANG 43 50")
	c.cmd(213, "HASH fox")
	c.cmd(350, "RANG 44 50")
	c.cmd(550, "HASH fox")
	c.cmd(550, "HASH dir")
	c.cmd(550, "XMD5 dir")
}

// slowFs has files that give a block at each signal.
type slowFs struct {
	afero.Fs
	ctx  context.Context
	step chan struct{}
}

func (f slowFs) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	file, err := f.Fs.OpenFile(name, flag, perm)
	if err != nil || !strings.HasPrefix(name, "/slow") {
		return file, err
	}
	return slowFile{file, f}, nil
}

type slowFile struct {
	afero.File
	fs slowFs
}

func (f slowFile) Read(p []byte) (int, error) {
	select {
	case <-f.fs.step:
		return f.File.Read(p[:min(len(p), 1)])
	case <-f.fs.ctx.Done():
		return 0, io.ErrUnexpectedEOF
	}
}

// A checksum of a large file holds up neither ABOR nor NOOP.
func TestAbortOfChecksumsAndCopies(t *testing.T) {
	t.Parallel()
	for _, cmd := range []string{"HASH slow", "XMD5 slow", "SITE CPTO copy"} {
		t.Run(cmd, func(t *testing.T) {
			t.Parallel()
			fs := slowFs{afero.NewMemMapFs(), t.Context(), make(chan struct{})}
			afero.WriteFile(fs.Fs, "/slow", make([]byte, 1000), 0o644)
			s := startSite(t, func(o *server.Options) { o.Auth = oneUser{fs} })
			c := login(t, s.addr)
			c.cmd(350, "SITE CPFR slow")
			c.send("%s", cmd)
			fs.step <- struct{}{}
			c.cmd(200, "NOOP")
			if got := c.cmd(211, "STAT"); !strings.Contains(got, cmd[:4]+" is running") {
				t.Errorf("STAT: %q", got)
			}
			c.send("ABOR")
			for aborted := false; !aborted; {
				select {
				case fs.step <- struct{}{}: // until the abort is seen
				default:
					aborted = s.Statistics().Transfers == 0
				}
			}
			c.expect(426)
			c.expect(226)
			c.cmd(257, "PWD")
		})
	}
}
