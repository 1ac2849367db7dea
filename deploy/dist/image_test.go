//go:build linux

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// imageVariable holds an image as JSON, for the run of this test binary beside
// one.
const imageVariable = "DIST_TEST_IMAGE"

// TestImage carries out the Dockerfile without an engine: the steps of the build
// in a throw-away root with this machine's files in place of the base image, and
// the result as a root of its own, with nothing in it but what the last stage
// copies.
func TestImage(t *testing.T) {
	needRoot(t)
	need(t, "unshare", "ip", "curl")
	build, made := readDockerfile(t)
	work := t.TempDir()
	buildImage(t, build, made, work)
	root := filepath.Join(work, "root")
	t.Run("holds what it needs and nothing else", func(t *testing.T) { checkImageFiles(t, root) })
	t.Run("runs", func(t *testing.T) {
		binary, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"--mount", "--net", "--propagation", "private", "testdata/image.sh", root, strings.Join(made.Volumes, " "), "/etc/portico /run/portico", made.User},
			binary, "-test.v", "-test.run", "^TestBesideImage$", "-test.timeout", "5m")
		cmd := exec.Command("unshare", args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", imageVariable + "=" + asJSON(t, made), "IMAGE_ROOT=" + root, "TMPDIR=" + t.TempDir()}
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestBesideImage")) {
			t.Error(err)
		}
	})
}

// buildImage runs the build stage, and then fills work/root as the last stage
// says.
func buildImage(t *testing.T, build instructions.Stage, made image, work string) {
	t.Helper()
	shared := filepath.Join(work, "shared") // /run/dist inside
	copyContext(t, filepath.Join(shared, "context"))
	var script strings.Builder
	fmt.Fprintln(&script, "set -e")
	for _, c := range build.Commands {
		switch c := c.(type) {
		case *instructions.WorkdirCommand:
			fmt.Fprintf(&script, "mkdir -p %[1]s && cd %[1]s\n", c.Path)
		case *instructions.CopyCommand:
			for _, source := range c.SourcePaths {
				fmt.Fprintf(&script, "cp -a /run/dist/context/%s %s\n", source, c.DestPath)
			}
		case *instructions.ArgCommand:
			for _, a := range c.Args {
				value := map[string]string{"VERSION": "v0.1.0", "TARGETOS": native().os, "TARGETARCH": native().arch}[a.Key]
				fmt.Fprintf(&script, "export %s='%s'\n", a.Key, value)
			}
		case *instructions.RunCommand:
			fmt.Fprintf(&script, "sh -ec '%s'\n", strings.ReplaceAll(strings.Join(c.CmdLine, " "), "'", `'\''`))
		default:
			t.Errorf("this test does not know what %s is for", c.Name())
		}
	}
	for i, c := range made.copies {
		fmt.Fprintf(&script, "cp -a %s /run/dist/copy%d\n", c.SourcePaths[0], i)
	}
	steps := filepath.Join(shared, "steps.sh")
	write(t, steps, script.String())

	caches := strings.Fields(goEnv(t, "GOCACHE", "GOMODCACHE"))
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "testdata/enter.sh", t.TempDir(), shared, "sh", "/run/dist/steps.sh")
	cmd.Env = append(os.Environ(), "KEEP="+strings.Join(caches, " "), "GOFLAGS=", "GOCACHE="+caches[0], "GOMODCACHE="+caches[1])
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	fillRoot(t, made, shared, filepath.Join(work, "root"))
}

func fillRoot(t *testing.T, made image, shared, root string) {
	t.Helper()
	for i, c := range made.copies {
		from, to := filepath.Join(shared, fmt.Sprintf("copy%d", i)), filepath.Join(root, c.DestPath)
		owner := c.Chown
		if owner == "" {
			owner = "0:0"
		}
		if len(c.SourcePaths) != 1 || !strings.HasSuffix(c.SourcePaths[0], "/") || !strings.HasSuffix(c.DestPath, "/") {
			t.Fatalf("%s: want one directory to another", c)
		}
		command(t, "mkdir", "-p", to)
		command(t, "cp", "-a", from+"/.", to)
		command(t, "chown", "-R", owner, to)
	}
}

func goEnv(t *testing.T, names ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// copyContext copies what an engine would be sent: the files of the repository
// without those of Dockerfile.dockerignore, which names top entries.
func copyContext(t *testing.T, to string) {
	t.Helper()
	ignored := map[string]bool{}
	for line := range strings.Lines(read(t, filepath.Join(dockerFolder, "Dockerfile.dockerignore"))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			ignored[line] = true
		}
	}
	source := filepath.Join("..", "..")
	list, err := git(t.Context(), source, "ls-files", "--cached", "--others", "--exclude-standard")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(list, "\n") {
		if top, _, _ := strings.Cut(name, "/"); ignored[top] {
			continue
		}
		if _, err := os.Stat(filepath.Join(source, name)); err != nil { // deleted, not committed yet
			continue
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		copyFile(t, filepath.Join(source, name), filepath.Join(to, name))
	}
}

func checkImageFiles(t *testing.T, root string) {
	var got []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, strings.TrimPrefix(path, root))
		}
		return err
	})
	want := []string{"/etc/group", "/etc/passwd", "/etc/ssl/certs/ca-certificates.crt", "/usr/bin/portico"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: it holds %v, want %v", err, got, want)
	}
	if out, err := exec.Command(filepath.Join(root, "usr/bin/portico"), "version").Output(); err != nil || !strings.HasPrefix(string(out), "portico v0.1.0 (") {
		t.Errorf("%v: it is %s", err, out)
	}
}

// TestBesideImage runs containers, as far as a root, a user and a network make
// one. It is inside the namespaces and outside the root.
func TestBesideImage(t *testing.T) {
	if os.Getenv(imageVariable) == "" {
		t.Skip("runs in namespaces of its own, for TestImage")
	}
	var made image
	if err := json.Unmarshal([]byte(os.Getenv(imageVariable)), &made); err != nil {
		t.Fatal(err)
	}
	root := os.Getenv("IMAGE_ROOT")
	t.Run("the root is read-only, the volumes are not", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(root, "probe"), nil, 0o600); err == nil {
			t.Error("the root can be written to")
		}
	})
	t.Run("with nothing set, a password is made up", func(t *testing.T) {
		c := made.run(t, root)
		made.awaitHealthy(t, root, c)
		if log := read(t, c.log); !strings.Contains(log, "new, and shown only now") {
			t.Errorf("it says:\n%s", log)
		}
		c.stop(t)
	})
	t.Run("with a user and a hash, that user logs in", func(t *testing.T) {
		hash := made.tell(t, root, "secret-of-alice\n", "passwd")
		c := made.run(t, root, "PORTICO_USER=alice", "PORTICO_PASSWORD_HASH="+strings.TrimSpace(string(hash)), "PORTICO_TLS_SELF_SIGNED=true")
		made.awaitHealthy(t, root, c)
		text := fmt.Sprintf("stored at %v\n", time.Now())
		file := filepath.Join(t.TempDir(), "report.txt")
		write(t, file, text)
		for _, options := range [][]string{nil, {"--ssl-reqd", "--insecure"}, {"--disable-epsv"}} {
			fetch := append([]string{"-sS", "--fail", "--user", "alice:secret-of-alice", "ftp://127.0.0.1:2121/report.txt"}, options...)
			command(t, "curl", append([]string{"-T", file}, fetch...)...)
			if got := command(t, "curl", fetch...); got != text {
				t.Errorf("%v: got %q, want %q", options, got, text)
			}
		}
		uid, gid := made.ids(t)
		info, err := os.Stat(filepath.Join(root, "srv/ftp/report.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if ids := info.Sys().(*syscall.Stat_t); int(ids.Uid) != uid || int(ids.Gid) != gid {
			t.Errorf("the file belongs to %d:%d", ids.Uid, ids.Gid)
		}
		if log := read(t, c.log); strings.Count(log, "session opened") != 6 || strings.Contains(log, "secret-of-alice") {
			t.Errorf("the log has the health checks, or a password:\n%s", log)
		}
		c.stop(t)
	})
	t.Run("as in the compose file", func(t *testing.T) {
		service, err := loadCompose(t, types.Mapping{"PUBLIC_ADDRESS": "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		composed := made
		composed.Start, composed.Health = service.Command, service.HealthCheck.Test[1:]
		for name, value := range service.Environment {
			composed.Environment = append(composed.Environment, name+"="+*value)
		}
		write(t, filepath.Join(root, "etc/portico/portico.yaml"), read(t, filepath.Join(dockerFolder, "portico.yaml")))
		makePair(t, filepath.Join(root, "etc/portico/tls"))
		made.tell(t, root, "secret-of-bob\n", "user", "add", "bob", "--file", "/var/lib/portico/users.yaml", "--home", "/srv/ftp/bob", "--create-home")
		c := composed.run(t, root)
		composed.awaitHealthy(t, root, c)
		file := filepath.Join(t.TempDir(), "report.txt")
		write(t, file, "of bob\n")
		for _, options := range [][]string{{"--ssl-reqd", "ftp://127.0.0.1:2121/report.txt"}, {"ftps://127.0.0.1:2990/report.txt"}} {
			fetch := append([]string{"-sS", "--fail", "--insecure", "--user", "bob:secret-of-bob"}, options...)
			command(t, "curl", append([]string{"-T", file}, fetch...)...)
			if got := command(t, "curl", fetch...); got != "of bob\n" {
				t.Errorf("%v: got %q", options, got)
			}
		}
		if out := made.tell(t, root, "", "status", "--config", "/etc/portico/portico.yaml"); !strings.Contains(out, "ready") {
			t.Errorf("portico status says:\n%s", out)
		}
		c.stop(t)
	})
	t.Run("without a server, it is not healthy", func(t *testing.T) {
		out, err := made.command(t, root, nil, made.Health).CombinedOutput()
		if err == nil || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// container is a running server: process 1 of its own namespace, as in an
// engine's.
type container struct {
	cmd *exec.Cmd
	log string // file
}

func (made image) run(t *testing.T, root string, environment ...string) *container {
	t.Helper()
	cmd := made.command(t, root, environment, append(slices.Clone(made.Entrypoint), made.Start...))
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &container{cmd, log.Name()}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return c
}

// command is one that the engine starts inside: without any right, and with the
// environment of the image alone.
func (made image) command(t *testing.T, root string, environment, line []string) *exec.Cmd {
	t.Helper()
	uid, gid := made.ids(t)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Path, cmd.Err = line[0], nil // below root, not here
	cmd.Dir = "/"
	cmd.Env = append(slices.Clone(made.Environment), environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return cmd
}

// tell runs another command of the server's inside, as docker exec does.
func (made image) tell(t *testing.T, root, input string, args ...string) string {
	t.Helper()
	cmd := made.command(t, root, nil, append(slices.Clone(made.Entrypoint), args...))
	cmd.Stdin = strings.NewReader(input)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("portico %s: %v: %s", args[0], err, stderr.String())
	}
	return string(out)
}

// makePair makes a certificate and its key that the server may read.
func makePair(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: certificate}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		write(t, filepath.Join(dir, name), string(pem.EncodeToMemory(block)))
	}
}

func (made image) awaitHealthy(t *testing.T, root string, c *container) {
	t.Helper()
	var out []byte
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var err error
		if out, err = made.command(t, root, nil, made.Health).CombinedOutput(); err == nil {
			return
		}
	}
	t.Fatalf("it does not become healthy: %s\n%s", out, read(t, c.log))
}

// stop is what docker stop does first. It must be enough.
func (c *container) stop(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	killed := time.AfterFunc(40*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer killed.Stop()
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, read(t, c.log))
	}
}

// asJSON is for what goes to another process in a variable.
func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
