//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"
)

// pod is a server that runs as a manifest for Kubernetes says: in a network of
// its own, as the manifest's user, with nothing but its volumes to write to,
// and its configuration where the manifest mounts it.
type pod struct {
	manifest *manifest
	ordinal  int
	ns       *namespace
	root     string
	image    []string // environment that the image sets
	patient  bool     // it waits for drain.delay
}

// Addresses of the network of a pod. What a manifest calls ftp.example.org is
// the pod.
const (
	podAddress      = "10.77.0.1"
	balancerAddress = "10.77.0.2"
)

// enterPod makes the file system that a container has, and becomes the program
// in it: the root is read-only, and so are all mounts but the volumes.
const enterPod = `set -e
root=$1 user=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind /usr "$root/usr"
mount -t proc proc "$root/proc"
for volume in run/portico var/lib/portico srv/ftp; do mount --bind "$root/$volume" "$root/$volume"; done
mount -o remount,ro,bind "$root"
exec chroot --userspec="$user" --groups= "$root" "$@"`

// newPod makes the replica of this ordinal. users is its file of users.
func newPod(t *testing.T, m *manifest, ordinal int, users string) *pod {
	t.Helper()
	p := &pod{manifest: m, ordinal: ordinal, ns: newNamespace(t)}
	p.ns.run(t, "ip", "address", "add", podAddress+"/32", "dev", "lo")
	p.ns.run(t, "ip", "address", "add", balancerAddress+"/32", "dev", "lo")
	root, err := os.MkdirTemp(suite.dir, "pod-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	p.root = root
	p.image = imageEnvironment(t)
	p.furnish(t)
	p.mount(t, "config", map[string]string{"portico.yaml": m.config()})
	p.mount(t, "users", map[string]string{"users.yaml": users})
	if m.mounts("/etc/portico/tls") {
		p.mount(t, "tls", map[string]string{"tls.crt": readFile(t, suite.tls.certificate), "tls.key": readFile(t, suite.tls.key)})
	}
	return p
}

// imageEnvironment is what deploy/docker/Dockerfile sets for the program.
func imageEnvironment(t *testing.T) []string {
	t.Helper()
	_, final, _ := strings.Cut(readFile(t, "../deploy/docker/Dockerfile"), "\nFROM scratch\n")
	var variables []string
	for line := range strings.Lines(final) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "ENV" {
			variables = append(variables, words[1:]...)
		}
	}
	// The tests find their programs by a path of their own.
	return slices.DeleteFunc(variables, func(v string) bool { return strings.HasPrefix(v, "PATH=") })
}

func (p *pod) furnish(t *testing.T) {
	t.Helper()
	faults := []error{os.Chmod(p.root, 0o755)}
	for _, dir := range []string{"usr", "proc", "etc/portico", "run/portico", "var/lib/portico", "srv/ftp"} {
		faults = append(faults, os.MkdirAll(filepath.Join(p.root, dir), 0o755))
	}
	for _, dir := range []string{"bin", "lib", "lib64"} {
		faults = append(faults, os.Symlink("usr/"+dir, filepath.Join(p.root, dir)))
	}
	for _, volume := range []string{"run/portico", "var/lib/portico", "srv/ftp"} {
		// As fsGroup has it.
		at := filepath.Join(p.root, volume)
		faults = append(faults, os.Chown(at, 0, p.manifest.group()), os.Chmod(at, 0o2775))
	}
	hosts := podAddress + " ftp.example.org\n127.0.0.1 localhost\n"
	faults = append(faults,
		os.WriteFile(filepath.Join(p.root, "etc/hosts"), []byte(hosts), 0o644),
		os.Link(suite.binary, filepath.Join(p.root, "portico")))
	if err := errors.Join(faults...); err != nil {
		t.Fatal(err)
	}
}

// mount lays out a Secret as the kubelet does, and replaces what it held
// before: the files are links to a directory that is exchanged in one step.
func (p *pod) mount(t *testing.T, volume string, files map[string]string) {
	t.Helper()
	dir := filepath.Join(p.root, "etc/portico", volume)
	faults := []error{os.MkdirAll(dir, 0o755)}
	old, _ := os.Readlink(filepath.Join(dir, "..data")) // none at first
	generation, err := os.MkdirTemp(dir, "..generation-")
	faults = append(faults, err, os.Chmod(generation, 0o755))
	for name, text := range files {
		file := filepath.Join(generation, name)
		faults = append(faults, os.WriteFile(file, []byte(text), 0o440), os.Chown(file, 0, p.manifest.group()))
		if old == "" {
			faults = append(faults, os.Symlink("..data/"+name, filepath.Join(dir, name)))
		}
	}
	faults = append(faults,
		os.Symlink(filepath.Base(generation), filepath.Join(dir, "..data_tmp")),
		os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	if old != "" {
		faults = append(faults, os.RemoveAll(filepath.Join(dir, old)))
	}
	if err := errors.Join(faults...); err != nil {
		t.Fatal(err)
	}
}

// command is a command of the container, whose program is portico.
func (p *pod) command(args ...string) *exec.Cmd {
	user := fmt.Sprintf("%d:%d", p.manifest.user(), p.manifest.group())
	cmd := p.ns.command([]string{"unshare", "--mount", "sh", "-c", enterPod, "pod", p.root, user, "/portico"}, args...)
	cmd.Env = append(cmd.Env, p.image...)
	for _, v := range p.manifest.container().Env {
		value := v.Value
		if v.Name == "POD_INDEX" { // a label of the pod, which a StatefulSet sets
			value = strconv.Itoa(p.ordinal)
		}
		cmd.Env = append(cmd.Env, v.Name+"="+value)
	}
	if !p.patient {
		cmd.Env = append(cmd.Env, "PORTICO_DRAIN_DELAY=0s")
	}
	return cmd
}

// start runs what the container runs, and waits until its startup probe
// succeeds.
func (p *pod) start(t *testing.T) *process {
	t.Helper()
	server := startProgram(t, p.command(p.manifest.container().Args...))
	eventually(t, startTimeout, "the startup probe succeeds", func() bool {
		if server.ended() {
			t.Fatalf("the server ended with exit code %d:\n%s", server.cmd.ProcessState.ExitCode(), server.log.String())
		}
		return p.probe(p.manifest.container().StartupProbe) == nil
	})
	return server
}

func (p *pod) probe(probe probe) error {
	words := probe.Exec.Command
	if len(words) == 0 || words[0] != "portico" {
		return fmt.Errorf("a probe of %q, want portico", words)
	}
	if out, err := p.command(words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%q: %w: %s", words, err, out)
	}
	return nil
}

// ports are the control and passive ports that portico check says are used.
func (p *pod) ports(t *testing.T) (control []int, passive []int) {
	t.Helper()
	out, err := p.command("check", "--json", "--config", "/etc/portico/config/portico.yaml").Output()
	var report struct {
		Checks []struct{ Check, Detail string }
	}
	if err := errors.Join(err, json.Unmarshal(out, &report)); err != nil {
		t.Fatalf("portico check: %v:\n%s", err, out)
	}
	for _, c := range report.Checks {
		if at, found := strings.CutPrefix(c.Check, "listen on "); found {
			_, port, _ := net.SplitHostPort(at)
			control = append(control, numbers(t, port)...)
		}
		if c.Check == "passive ports" {
			list, _, _ := strings.Cut(c.Detail, " ")
			passive = numbers(t, list)
		}
	}
	return control, passive
}

// numbers are the ports of a list such as "21100-21109,21120".
func numbers(t *testing.T, list string) []int {
	t.Helper()
	var all []int
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if isRange && err == nil {
			to, err = strconv.Atoi(last)
		}
		if err != nil {
			t.Fatalf("%q is no list of ports", list)
		}
		for port := from; port <= to; port++ {
			all = append(all, port)
		}
	}
	return all
}

// dial connects from inside the network, from the load balancer's address.
func (ns *namespace) dial(address string) (net.Conn, error) {
	// The thread's network is another for a moment. If it cannot be put back,
	// the thread stays locked and ends with its goroutine.
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	other, err := os.Open("/run/netns/" + ns.name)
	if err != nil {
		return nil, err
	}
	defer other.Close()
	if err := unix.Setns(int(other.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: rawTimeout, LocalAddr: &net.TCPAddr{IP: net.ParseIP(balancerAddress)}}
	dialer.SetMultipathTCP(false)
	conn, err := dialer.Dial("tcp", address)
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back == nil {
		runtime.UnlockOSThread()
	}
	return conn, err
}

// manifest is what a file of deploy/kubernetes says, as far as the tests need it.
type manifest struct {
	name     string
	set      apiObject
	services []apiObject // those that clients use
	policy   *apiObject
	secrets  map[string]map[string]string // name of the Secret, name of the file, text
}

type apiObject struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		// Of a Service.
		Type      string
		ClusterIP string `yaml:"clusterIP"`
		Selector  any    // of a Service, a map of strings
		Ports     []servicePort
		// Of a StatefulSet.
		Replicas int
		Template struct {
			Spec struct {
				HostNetwork     bool `yaml:"hostNetwork"`
				SecurityContext struct {
					RunAsUser  int `yaml:"runAsUser"`
					RunAsGroup int `yaml:"runAsGroup"`
				} `yaml:"securityContext"`
				Containers []container
			}
		}
		// Of a NetworkPolicy.
		Ingress []struct {
			Ports []struct {
				Port    int
				EndPort int `yaml:"endPort"`
			}
		}
	}
	StringData map[string]string `yaml:"stringData"`
}

type servicePort struct {
	Name       string
	Port       int
	TargetPort int `yaml:"targetPort"`
	NodePort   int `yaml:"nodePort"`
}

type container struct {
	Args  []string
	Env   []struct{ Name, Value string }
	Ports []struct {
		ContainerPort int `yaml:"containerPort"`
		HostPort      int `yaml:"hostPort"`
	}
	StartupProbe   probe `yaml:"startupProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
	LivenessProbe  probe `yaml:"livenessProbe"`
	VolumeMounts   []struct {
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	Exec struct{ Command []string }
}

// readManifests reads deploy/kubernetes.
func readManifests(t *testing.T) []*manifest {
	t.Helper()
	files, err := filepath.Glob("../deploy/kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests (%v)", err)
	}
	var all []*manifest
	for _, file := range files {
		all = append(all, readManifest(t, strings.TrimSuffix(filepath.Base(file), ".yaml")))
	}
	return all
}

func readManifest(t *testing.T, name string) *manifest {
	t.Helper()
	m := &manifest{name: name, secrets: map[string]map[string]string{}}
	decoder := yaml.NewDecoder(strings.NewReader(readFile(t, "../deploy/kubernetes/"+name+".yaml")))
	for {
		var o apiObject
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch {
		case o.Kind == "StatefulSet":
			m.set = o
		case o.Kind == "Service" && o.Spec.ClusterIP != "None":
			m.services = append(m.services, o)
		case o.Kind == "NetworkPolicy":
			m.policy = &o
		case o.Kind == "Secret":
			m.secrets[o.Metadata.Name] = o.StringData
		}
	}
	if len(m.set.Spec.Template.Spec.Containers) != 1 || m.config() == "" {
		t.Fatalf("%s has no StatefulSet with one container and a configuration", name)
	}
	return m
}

func (m *manifest) container() *container { return &m.set.Spec.Template.Spec.Containers[0] }
func (m *manifest) config() string        { return m.secrets["portico-config"]["portico.yaml"] }
func (m *manifest) user() int             { return m.set.Spec.Template.Spec.SecurityContext.RunAsUser }
func (m *manifest) group() int            { return m.set.Spec.Template.Spec.SecurityContext.RunAsGroup }

func (m *manifest) mounts(at string) bool {
	for _, mount := range m.container().VolumeMounts {
		if path.Clean(mount.MountPath) == at {
			return true
		}
	}
	return false
}

// settings is the server's configuration.
func (m *manifest) settings(t *testing.T) (s struct {
	Listeners []struct {
		ProxyProtocol []string `yaml:"proxy_protocol"`
	}
	Passive struct {
		Ports           string
		AdvertisedPorts string `yaml:"advertised_ports"`
	}
	TLS struct {
		SelfSigned bool `yaml:"self_signed"`
	}
}) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(m.config()), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// destination is where a port that clients can reach leads to.
type destination struct {
	ordinal int // -1: to any pod
	port    int
}

// exposed maps each port that clients can reach to its destination.
func (m *manifest) exposed() map[int]destination {
	ports := map[int]destination{}
	if m.set.Spec.Template.Spec.HostNetwork {
		for _, p := range m.container().Ports {
			ports[p.HostPort] = destination{-1, p.ContainerPort}
		}
	}
	for _, service := range m.services {
		for _, p := range service.Spec.Ports {
			shown := p.Port
			if service.Spec.Type == "NodePort" {
				shown = p.NodePort
			}
			ports[shown] = destination{service.ordinal(), p.TargetPort}
		}
	}
	return ports
}

// ordinal is that of the only pod that a Service selects, or -1.
func (o *apiObject) ordinal() int {
	labels, _ := o.Spec.Selector.(map[string]any)
	name, _ := labels["statefulset.kubernetes.io/pod-name"].(string)
	if ordinal, err := strconv.Atoi(strings.TrimPrefix(name, "portico-")); err == nil {
		return ordinal
	}
	return -1
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
