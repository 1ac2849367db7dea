//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// makeNative makes a distribution for the platform of this machine.
func makeNative(t *testing.T) *distribution {
	t.Helper()
	r, err := describe(t.Context(), "../..", release{Version: "v0.1.0-rc.1"}, "1700000000")
	if err != nil {
		t.Fatal(err)
	}
	d := &distribution{release: r, source: "../..", out: filepath.Join(t.TempDir(), "out"), stage: t.TempDir()}
	if err := d.make(t.Context(), []platform{native()}); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDistribution(t *testing.T) {
	d := makeNative(t)
	files := outputs(t, d.out)
	t.Run("the binary says which commit it is", func(t *testing.T) {
		out, err := exec.Command(filepath.Join(d.stage, native().name(), native().binary()), "version").Output()
		want := "portico v0.1.0-rc.1 (commit " + d.release.Commit + ", 2023-11-14T22:13:20Z, " + runtime.Version() + ", " + native().String() + ")\n"
		if err != nil || string(out) != want {
			t.Errorf("%v: got %q, want %q", err, out, want)
		}
	})
	t.Run("the binary is static and knows no path", func(t *testing.T) {
		binary := filepath.Join(d.stage, native().name(), native().binary())
		if out, err := exec.Command("go", "version", "-m", binary).Output(); err != nil || !bytes.Contains(out, []byte("CGO_ENABLED=0")) {
			t.Errorf("%v: CGO_ENABLED=0 is not in:\n%s", err, out)
		}
		if text, err := os.ReadFile(binary); err != nil || bytes.Contains(text, []byte(d.source)) {
			t.Errorf("%v: the binary names %s", err, d.source)
		}
	})
	t.Run("packing again gives the same bytes", func(t *testing.T) {
		again := *d
		again.out = t.TempDir()
		stage := filepath.Join(d.stage, native().name())
		for _, dir := range []string{stage, d.stage} { // other times, as on another day
			touch(t, dir)
		}
		if err := again.archive(native(), again.contents(native(), filepath.Join(stage, native().binary()), filepath.Join(stage, "portico.cdx.json"))); err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"deb", "rpm"} {
			if err := again.pack(native(), format, stage); err != nil {
				t.Fatal(err)
			}
		}
		if err := writeSums(again.out); err != nil {
			t.Fatal(err)
		}
		for name, text := range outputs(t, again.out) {
			if !bytes.Equal(text, files[name]) {
				t.Errorf("%s differs", name)
			}
		}
	})
	t.Run("the sums are those of the files", func(t *testing.T) {
		cmd := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
		cmd.Dir = d.out
		if out, err := cmd.CombinedOutput(); err != nil || bytes.Count(out, []byte(": OK")) != len(files)-1 {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("the bill of materials has the modules of the binary", func(t *testing.T) { checkBill(t, d) })
	t.Run("rpm", func(t *testing.T) { checkRPM(t, d) })
	t.Run("deb", func(t *testing.T) { enterWith(t, d) })
}

func outputs(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range list {
		if files[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func touch(t *testing.T, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if err := os.Chtimes(filepath.Join(dir, f.Name()), time.Time{}, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

func checkBill(t *testing.T, d *distribution) {
	text, err := os.ReadFile(filepath.Join(d.stage, native().name(), "portico.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		BOMFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	if bill.BOMFormat != "CycloneDX" || bill.Metadata.Component.Name != "github.com/portico-ftp/portico" || bill.Metadata.Component.Version != d.release.Version {
		t.Errorf("it is about %+v", bill.Metadata)
	}
	listed := map[string]string{}
	for _, c := range bill.Components {
		listed[c.Name] = c.Version
	}
	out, err := exec.Command("go", "version", "-m", filepath.Join(d.stage, native().name(), native().binary())).Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(string(out), -1)
	if len(linked) < 10 || len(listed) != len(linked)+1 || listed["std"] == "" {
		t.Errorf("%d modules are listed, %d are linked beside the standard library", len(listed), len(linked))
	}
	for _, m := range linked {
		if listed[m[1]] != m[2] {
			t.Errorf("%s %s is linked, %q is listed", m[1], m[2], listed[m[1]])
		}
	}
}

// need skips the test where a program is missing, and fails it in CI.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			cannot(t, err)
		}
	}
}

// needRoot is for what takes namespaces.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		cannot(t, "only root can do this")
	}
}

func cannot(t *testing.T, why any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func checkRPM(t *testing.T, d *distribution) {
	need(t, "rpm")
	query := func(args ...string) string {
		out, err := exec.Command("rpm", append([]string{"-qp", "--nosignature"}, append(args, one(t, d.out, "*.rpm"))...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if got := query("--qf", "%{NAME} %{VERSION} %{LICENSE} %{BUILDTIME} %{BUILDHOST}"); got != "portico 0.1.0~rc.1 MIT 1700000000 localhost" {
		t.Errorf("it is %s", got)
	}
	files := query("-l", "--qf", "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEFLAGS:fflags} %{FILENAMES}\n]")
	for _, want := range []string{
		"-rwxr-xr-x root  /usr/bin/portico\n",
		"-rw-r----- root cn /etc/portico/portico.yaml\n",
		"/usr/lib/systemd/system/portico.socket\n",
		"/usr/share/licenses/portico/LICENSE\n",
	} {
		if !strings.Contains(files, want) {
			t.Errorf("%q is not in:\n%s", want, files)
		}
	}
	if scripts := query("--scripts"); !strings.Contains(scripts, "useradd --system") || strings.Contains(scripts, "enable --now portico.service") {
		t.Errorf("the scripts are:\n%s", scripts)
	}
	if out, err := exec.Command("rpm", "-K", "--nosignature", one(t, d.out, "*.rpm")).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("OK")) {
		t.Errorf("the digests: %v: %s", err, out)
	}
}

// one is the only file that matches.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %d files are %s", err, len(files), pattern)
	}
	return files[0]
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"is none of":              {"-platforms", "plan9/386"},
		"is no version":           {"-version", "1.2.3"},
		"is no number of seconds": {"-date", "today"},
		"give -version":           {"-source", os.TempDir()},
	} {
		args = append(args, "-out", t.TempDir())
		if err := run(t.Context(), args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
