package helm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/cmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"sigs.k8s.io/yaml"
)

// documents are those whose command lines are for Kubernetes.
var documents = []string{"docs/kubernetes.md", "deploy/kubernetes/README.md", "deploy/helm/portico/README.md"}

// Command lines are run, in their order, as far as that takes no cluster and no
// server: helm makes what it would install, kubectl prints what it would
// create. The rest of kubectl's lines, and portico doctor, have their commands
// and flags checked.
func TestCommandLinesOfTheDocuments(t *testing.T) {
	for _, document := range documents {
		t.Run(document, func(t *testing.T) {
			site := newDocumentSite(t)
			lines := 0
			for _, b := range blocksOf(t, document) {
				if b.language == "yaml" {
					// What comes next in the document is installed with them.
					site.values(t, b.text)
					continue
				}
				for line := range strings.Lines(b.text) {
					lines++
					site.run(t, strings.Fields(line))
				}
			}
			if lines == 0 {
				t.Error("no command line was found")
			}
		})
	}
}

type block struct{ language, text string }

// blocksOf returns the fenced blocks of a document: values (yaml) before
// command lines, because documents show those after these.
func blocksOf(t *testing.T, document string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", document))
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		all = append(all, block{m[1], m[2]})
	}
	slices.SortStableFunc(all, func(a, b block) int { return strings.Compare(b.language, a.language) })
	return all
}

// documentSite is a directory that has what the documents speak of: deploy,
// my-values.yaml, users.yaml, cert.pem and key.pem.
type documentSite struct {
	dir     string
	portico string
}

func newDocumentSite(t *testing.T) *documentSite {
	t.Helper()
	s := &documentSite{dir: t.TempDir(), portico: filepath.Join(t.TempDir(), "portico")}
	if out, err := exec.Command("go", "build", "-C", "../..", "-buildvcs=false", "-o", s.portico, "./cmd/portico").CombinedOutput(); err != nil {
		t.Fatalf("build portico: %v\n%s", err, out)
	}
	deploy, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(deploy, filepath.Join(s.dir, "deploy")); err != nil {
		t.Fatal(err)
	}
	writeKeyPair(t, s.dir)
	if err := os.WriteFile(filepath.Join(s.dir, "users.yaml"), []byte("users: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func writeKeyPair(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"ftp.example.org"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: certificate}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// values tries a block of values by itself. The first one of a document is
// its my-values.yaml.
func (s *documentSite) values(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(s.dir, "my-values.yaml")
	if _, err := os.Stat(file); err == nil {
		file = filepath.Join(t.TempDir(), "values.yaml")
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, fault := helm(t, "template", chart, chart, "--values", file); fault != "" {
		t.Errorf("these values are refused: %s\n%s", fault, text)
	}
}

func (s *documentSite) run(t *testing.T, words []string) {
	t.Helper()
	if len(words) == 0 {
		return
	}
	var err error
	switch program, args := words[0], words[1:]; program {
	case "helm":
		err = s.helm(t, args)
	case "kubectl":
		err = s.kubectl(t, args)
	case "portico":
		err = s.runPortico(args)
	default:
		err = fmt.Errorf("this test does not know %s", program)
	}
	if err != nil {
		t.Errorf("%s: %v", strings.Join(words, " "), err)
	}
}

func (s *documentSite) helm(t *testing.T, args []string) error {
	if args[0] == "install" {
		args = append(args, "--dry-run=client")
	}
	path, err := helmPath()
	if err != nil {
		return err
	}
	program := exec.Command(path, args...)
	program.Dir, program.Env = s.dir, isolated(t)
	if out, err := program.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (s *documentSite) kubectl(t *testing.T, args []string) (err error) {
	// It would end the process of the tests.
	cmdutil.BehaviorOnFatal(func(message string, _ int) { panic(message) })
	defer func() {
		if fatal := recover(); fatal != nil {
			err = fmt.Errorf("kubectl: %v", fatal)
		}
	}()
	var out bytes.Buffer
	root := cmd.NewKubectlCommand(cmd.KubectlOptions{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: io.Discard}})
	found, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if found == root {
		return fmt.Errorf("there is no command %s", args[0])
	}
	if args[0] != "create" {
		if args[0] == "apply" {
			if _, err := os.Stat(filepath.Join(s.dir, args[len(args)-1])); err != nil {
				return err
			}
		}
		return found.ParseFlags(rest)
	}
	t.Chdir(s.dir)
	t.Setenv("KUBECONFIG", filepath.Join(s.dir, "none"))
	root.SetArgs(append(args, "--dry-run=client", "--output=yaml"))
	if err := root.Execute(); err != nil {
		return err
	}
	var secret corev1.Secret
	if err := yaml.UnmarshalStrict(out.Bytes(), &secret); err != nil || len(secret.Data) == 0 {
		return fmt.Errorf("it makes no Secret (%w):\n%s", err, out.Bytes())
	}
	return nil
}

func (s *documentSite) runPortico(args []string) error {
	if args[0] == "doctor" {
		args = []string{"doctor", "--help"} // there is no such server
	}
	program := exec.Command(s.portico, args...)
	program.Dir = s.dir
	if out, err := program.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// Links to files lead somewhere, and so do the pictures.
func TestLinksOfTheDocuments(t *testing.T) {
	t.Parallel()
	for _, document := range documents {
		text, err := os.ReadFile(filepath.Join("..", "..", document))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join("..", "..", filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}
