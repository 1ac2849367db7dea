//go:build linux || darwin || freebsd

package driver_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/portico-ftp/portico/driver"
)

func TestAnUploadThroughALinkReplacesWhatItLeadsTo(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"/link", "/sub/link", "/through/link", "/chain"} {
		t.Run(link, func(t *testing.T) {
			t.Parallel()
			local, parent := newJail(t)
			home := filepath.Join(parent, "home")
			must(t, os.MkdirAll(filepath.Join(home, "sub", "deep"), 0o755))
			for at, to := range map[string]string{
				"link": "sub/inside", "sub/link": "inside", "through": "sub/deep", "sub/deep/link": "../inside", "chain": "sub/link",
			} {
				must(t, os.Symlink(to, filepath.Join(home, at)))
			}
			fs := session(local, "alice")
			upload(t, fs, link, stor, 0, "new", false)
			got, err := os.ReadFile(filepath.Join(home, "sub", "inside"))
			// Where ".." follows a link to a directory, the link itself is replaced.
			if want := map[bool]string{true: "inside", false: "new"}[link == "/through/link"]; err != nil || string(got) != want {
				t.Errorf("the target holds %q (%v), want %q", got, err, want)
			}
			if got := contentOf(fs, link); got != "new" {
				t.Errorf("the link leads to %q", got)
			}
			requireOutsideUntouched(t, parent)
		})
	}
}

func TestAnUploadReplacesALinkToNothingAndRefusesOneToTheOutside(t *testing.T) {
	t.Parallel()
	local, parent := newJail(t)
	home := filepath.Join(parent, "home")
	must(t, os.Symlink("missing", filepath.Join(home, "dangling")))
	must(t, os.Symlink("../outside/secret", filepath.Join(home, "out")))
	fs := session(local, "alice")
	upload(t, fs, "/dangling", stor, 0, "new", false)
	if info, err := os.Lstat(filepath.Join(home, "dangling")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the link is %v, %v", info, err)
	}
	if err := transfer("/out", stor)(fs); err == nil {
		t.Error("an upload through a link to the outside was accepted")
	}
	requireOutsideUntouched(t, parent)
}

func TestAnUploadKeepsTheModeOfWhatItReplaces(t *testing.T) {
	t.Parallel()
	local, parent := newJail(t)
	home := filepath.Join(parent, "home")
	must(t, os.WriteFile(filepath.Join(home, "private"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(parent, "plain"), nil, 0o666))
	fs := session(local, "alice")
	handle := begin(t, fs, "/private", stor, 0, "secret")
	working, err := filepath.Glob(filepath.Join(home, ".portico-upload-*"))
	must(t, err)
	if info, err := os.Stat(working[0]); err != nil || info.Mode() != 0o600 {
		t.Errorf("the hidden file has mode %v, %v", info.Mode(), err)
	}
	must(t, handle.Close())
	upload(t, fs, "/new", stor, 0, "", false)
	plain, err := os.Stat(filepath.Join(parent, "plain"))
	must(t, err)
	must(t, os.Remove(filepath.Join(parent, "plain")))
	for name, want := range map[string]os.FileMode{"private": 0o600, "new": plain.Mode()} {
		if info, err := os.Stat(filepath.Join(home, name)); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, want %v (%v)", name, info.Mode(), want, err)
		}
	}
}

func TestAFileThatMayNotBeWrittenIsNotReplaced(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may write to any file")
	}
	local, parent := newJail(t)
	must(t, os.WriteFile(filepath.Join(parent, "home", "fixed"), []byte("old"), 0o444))
	fs := session(local, "alice")
	if err := transfer("/fixed", stor)(fs); !errors.Is(err, os.ErrPermission) {
		t.Errorf("STOR: %v, want os.ErrPermission", err)
	}
	if got := contentOf(fs, "/fixed"); got != "old" {
		t.Errorf("the file holds %q", got)
	}
}

func TestOnlyOneUploadAddsToAFileAtATime(t *testing.T) {
	t.Parallel()
	local, _ := newJail(t)
	fs := session(local, "alice")
	upload(t, fs, "/log", stor, 0, "a", false)
	first := begin(t, fs, "/log", appe, 0, "b")
	for _, flags := range []int{appe, rest} {
		if _, err := fs.GetHandle("/log", flags, 2); err == nil || !strings.Contains(err.Error(), "another upload") {
			t.Errorf("a second addition: %v", err)
		}
	}
	must(t, first.Close())
	upload(t, fs, "/log", appe, 0, "c", false)
	if got := contentOf(fs, "/log"); got != "abc" {
		t.Errorf("the file holds %q", got)
	}
}

func TestUploadsGoThroughTheOperatingSystemsFile(t *testing.T) {
	t.Parallel()
	local, _ := newJail(t)
	fs := session(local, "alice")
	for _, flags := range []int{stor, appe} {
		handle := begin(t, fs, "/file", flags, 0, "")
		file := handle.(interface{ OSFile() *os.File }).OSFile()
		if file == nil {
			t.Fatal("no file of the operating system")
		}
		_, err := io.WriteString(file, "spliced")
		must(t, errors.Join(err, handle.Close()))
	}
	if got := contentOf(fs, "/file"); got != "splicedspliced" {
		t.Errorf("the file holds %q", got)
	}
}

// TestAKilledProcessLeavesHiddenFilesAlone kills a process in the middle of an
// upload.
func TestAKilledProcessLeavesHiddenFilesAlone(t *testing.T) {
	t.Parallel()
	if home := os.Getenv("PORTICO_TEST_UPLOAD_HOME"); home != "" {
		uploadUntilKilled(t, home)
	}
	local, parent := newJail(t)
	fs := session(local, "alice")
	upload(t, fs, "/file", stor, 0, "old content", false)

	process := exec.Command(os.Args[0], "-test.run=^TestAKilledProcessLeavesHiddenFilesAlone$")
	process.Env = append(os.Environ(), "PORTICO_TEST_UPLOAD_HOME="+filepath.Join(parent, "home"))
	output, err := process.StdoutPipe()
	must(t, err)
	must(t, process.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || line != "uploading\n" {
		t.Errorf("the process said %q, %v", line, err)
	}
	must(t, process.Process.Kill())
	if err := process.Wait(); err == nil {
		t.Error("the process ended by itself")
	}

	if got, names := contentOf(fs, "/file"), namesIn(t, fs, "/"); got != "old content" || names != "file sub" {
		t.Errorf("the file holds %q; the listing shows %q", got, names)
	}
	if got := hidden(t, local, "/"); got != 1 {
		t.Errorf("%d hidden files, want 1", got)
	}
	uploads := driver.NewUploads(local, "alice", driver.UploadOptions{})
	if swept, err := uploads.Sweep(t.Context(), time.Now().Add(25*time.Hour)); err != nil || swept.Files != 1 {
		t.Errorf("swept %+v, %v", swept, err)
	}
	if got := namesIn(t, local, "/"); got != "file sub" {
		t.Errorf("the directory holds %q", got)
	}
}

func uploadUntilKilled(t *testing.T, home string) {
	root, err := os.OpenRoot(home)
	must(t, err)
	begin(t, session(driver.NewLocal(root), "alice"), "/file", stor, 0, "new con")
	_, err = io.WriteString(os.Stdout, "uploading\n")
	must(t, err)
	select {}
}

// Not parallel: other tests open files as well.
func TestUploadsLeaveNoFileOpen(t *testing.T) {
	local, parent := newJail(t)
	fs := session(local, "alice")
	upload(t, fs, "/file", stor, 0, "old", false)
	opened := func() int {
		t.Helper()
		var limit unix.Rlimit
		must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
		count := 0
		for fd := range min(int(limit.Cur), 4096) {
			var stat unix.Stat_t
			if unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFREG {
				count++
			}
		}
		return count
	}
	before := opened()
	for range 10 {
		upload(t, fs, "/file", stor, 0, "new", false)
		upload(t, fs, "/file", stor, 0, "new", true)
		_, _ = fs.GetHandle("/file", rest, 99)
		_, _ = fs.GetHandle("/file", appe, 0)
		upload(t, fs, "/file", rest, 2, "new", false)
		upload(t, fs, "/file", rest, 1, "x", true)
	}
	if after := opened(); after > before {
		t.Errorf("%d files open, %d before", after, before)
	}
	requireOutsideUntouched(t, parent)
}
