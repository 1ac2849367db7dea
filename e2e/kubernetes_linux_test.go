//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// podUsers is a file of users as the Secret portico-users holds it.
func podUsers() string {
	return fmt.Sprintf("users:\n  - {name: %s, password: %q, groups: [files]}\n", userName, suite.hash)
}

// Exactly the ports that the server uses are open on the whole way: in the
// Service, in the NetworkPolicy, in the pod.
func TestManifestsOpenExactlyThePortsInUse(t *testing.T) {
	t.Parallel()
	for _, m := range readManifests(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			var control, passive []int
			for ordinal := range m.set.Spec.Replicas {
				c, p := newPod(t, m, ordinal, podUsers()).ports(t)
				control, passive = c, append(passive, p...)
			}
			used := slices.Sorted(slices.Values(slices.Concat(control, passive)))
			same := func(what string, got []int) {
				slices.Sort(got)
				if !slices.Equal(got, used) {
					t.Errorf("%s: %v, but the server uses %v", what, got, used)
				}
			}
			exposed := m.exposed()
			var led []int
			for _, to := range exposed {
				led = append(led, to.port)
			}
			same("the Services lead to", led)
			var ofContainer []int
			for _, p := range m.container().Ports {
				ofContainer = append(ofContainer, p.ContainerPort)
			}
			same("the container has", ofContainer)
			if m.policy != nil {
				same("the NetworkPolicy lets in", m.admitted())
			} else if !m.set.Spec.Template.Spec.HostNetwork {
				t.Error("there is no NetworkPolicy")
			}
			if m.name == "default" && len(exposed) > 11 {
				t.Errorf("%d ports are exposed, want 11 at most", len(exposed))
			}
			told := numbers(t, m.settings(t).Passive.Ports)
			if text := m.settings(t).Passive.AdvertisedPorts; text != "" {
				told = numbers(t, text)
			}
			for i, port := range told {
				want := destination{-1, passive[i]}
				if m.set.Spec.Replicas > 1 {
					want.ordinal = i * m.set.Spec.Replicas / len(told)
				}
				if got := exposed[port]; got != want {
					t.Errorf("clients are told port %d, which leads to %v instead of %v", port, got, want)
				}
			}
		})
	}
}

func (m *manifest) admitted() []int {
	var ports []int
	for _, rule := range m.policy.Spec.Ingress {
		for _, p := range rule.Ports {
			for port := p.Port; port <= max(p.Port, p.EndPort); port++ {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

// Each manifest's server starts as its pod would, and its clients transfer
// through the ports that are exposed.
func TestPodsOfTheManifestsServe(t *testing.T) {
	t.Parallel()
	for _, m := range readManifests(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			pods := &podSite{manifest: m}
			for ordinal := range m.set.Spec.Replicas {
				pods.add(t, newPod(t, m, ordinal, podUsers()))
			}
			for i, p := range pods.pods {
				for _, probe := range []probe{m.container().ReadinessProbe, m.container().LivenessProbe} {
					if err := p.probe(probe); err != nil {
						t.Error(err)
					}
				}
				c, err := pods.login(t, i)
				if err != nil {
					t.Fatal(err)
				}
				for _, verb := range []string{"PASV", "EPSV"} {
					if err := c.thereAndBack(verb, "file"); err != nil {
						t.Errorf("pod %d, %s: %v", i, verb, err)
					}
				}
			}
		})
	}
}

// A pod that is to end goes on as ready until it ends: its sessions make new
// data connections meanwhile, which must find it.
func TestPodThatDrainsIsReady(t *testing.T) {
	t.Parallel()
	m := readManifest(t, "default")
	pods := &podSite{manifest: m}
	p := newPod(t, m, 0, podUsers())
	p.patient = true
	server := pods.add(t, p)
	c, err := pods.login(t, 0)
	if err != nil {
		t.Fatal(err)
	}
	server.signal(t, syscall.SIGTERM)
	server.awaitLog(t, `"draining"`)
	if err := p.probe(m.container().ReadinessProbe); err != nil {
		t.Error(err)
	}
	if err := c.thereAndBack("EPSV", "late"); err != nil {
		t.Error(err)
	}
	if err := c.conn.Close(); err != nil {
		t.Error(err)
	}
	if code := server.exitCode(t, stopTimeout); code != 0 {
		t.Errorf("exit code %d after the drain, want 0", code)
	}
}

// What is in Secrets counts a moment after the kubelet has replaced it.
func TestPodFollowsItsSecrets(t *testing.T) {
	t.Parallel()
	m := readManifest(t, "loadbalancer")
	pods := &podSite{manifest: m}
	server := pods.add(t, newPod(t, m, 0, "users: []\n"))
	if _, err := pods.login(t, 0); err == nil {
		t.Fatal("a user can log in who is not there")
	}
	p := pods.pods[0]
	p.mount(t, "users", map[string]string{"users.yaml": podUsers()})
	eventually(t, startTimeout, "the new user can log in", func() bool {
		c, err := pods.login(t, 0)
		return err == nil && c.thereAndBack("EPSV", "new") == nil
	})
	p.mount(t, "config", map[string]string{"portico.yaml": m.config() + "banner: Replaced\n"})
	server.awaitLog(t, "reload")
	eventually(t, startTimeout, "the new greeting", func() bool {
		c, err := pods.connect(0)
		return err == nil && strings.Contains(c.greeting, "Replaced")
	})
	other, err := newCertificates(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.mount(t, "tls", map[string]string{"tls.crt": readFile(t, other.certificate), "tls.key": readFile(t, other.key)})
	eventually(t, startTimeout, "the new certificate", func() bool {
		c, err := pods.connect(0)
		return err == nil && c.secure(other.client("localhost")) == nil
	})
}

// The chart's default: one address, 200 sessions, ten passive ports, FTPS.
func TestDefaultManifestServesManySessionsOfOneAddress(t *testing.T) {
	t.Parallel()
	const sessions, transfers = 200, 3
	m := readManifest(t, "default")
	pods := &podSite{manifest: m}
	pods.add(t, newPod(t, m, 0, podUsers()))
	clients := make([]*ftps, sessions)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			var err error
			if clients[i], err = pods.login(t, 0); err != nil {
				t.Errorf("session %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	start := time.Now()
	for i, c := range clients {
		all.Go(func() {
			for n := range transfers {
				verb := []string{"EPSV", "PASV"}[n%2]
				if err := c.thereAndBack(verb, fmt.Sprintf("file-%d-%d", i, n)); err != nil {
					t.Errorf("session %d: %v", i, err)
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	var waits []time.Duration
	for _, c := range clients {
		waits = append(waits, c.waits...)
	}
	slices.Sort(waits)
	if len(waits) != 2*sessions*transfers {
		t.Errorf("%d passive ports were granted, want %d", len(waits), 2*sessions*transfers)
		return
	}
	t.Logf("%d transfers of %d sessions of one address through 10 ports: %v; PASV and EPSV: median %v, 99%% within %v, the longest %v",
		len(waits), sessions, took.Round(time.Millisecond), waits[len(waits)/2], waits[len(waits)*99/100], waits[len(waits)-1])
}

// podSite is the pods of a manifest, and what stands in front of them: their
// Services, and a load balancer if there is one.
type podSite struct {
	manifest *manifest
	pods     []*pod
}

func (s *podSite) add(t *testing.T, p *pod) *process {
	t.Helper()
	s.pods = append(s.pods, p)
	return p.start(t)
}

// dial goes the way from a port that is exposed to a pod. Control connections
// go to the pod of this ordinal; of data connections, the port decides where
// each pod has ports of its own.
func (s *podSite) dial(ordinal, port int) (net.Conn, error) {
	to, open := s.manifest.exposed()[port]
	if !open {
		return nil, fmt.Errorf("port %d is not exposed", port)
	}
	if to.ordinal >= 0 {
		ordinal = to.ordinal
	}
	conn, err := s.pods[ordinal].ns.dial(fmt.Sprintf("%s:%d", podAddress, to.port))
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(2 * rawTimeout))
	if strings.Contains(s.manifest.config(), "10.0.0.0/8") { // the load balancers that are believed
		if _, err := fmt.Fprintf(conn, "PROXY TCP4 192.0.2.7 %s 50000 %d\r\n", podAddress, port); err != nil {
			return nil, err
		}
	}
	return conn, nil
}

// controlPort is the port that clients connect to first.
func (s *podSite) controlPort() int {
	for exposed, to := range s.manifest.exposed() {
		if to.port == 2121 {
			return exposed
		}
	}
	return 0
}

// ftps is a session with TLS that resumes its session on data connections.
type ftps struct {
	site     *podSite
	ordinal  int
	conn     net.Conn
	text     *textproto.Conn
	config   *tls.Config
	greeting string
	waits    []time.Duration // for each passive port, from the command to the reply
}

func (s *podSite) connect(ordinal int) (*ftps, error) {
	conn, err := s.dial(ordinal, s.controlPort())
	if err != nil {
		return nil, err
	}
	c := &ftps{site: s, ordinal: ordinal, conn: conn, text: textproto.NewConn(conn)}
	_, c.greeting, err = c.text.ReadResponse(220)
	return c, err
}

// login returns a session that is closed when the test ends.
func (s *podSite) login(t *testing.T, ordinal int) (*ftps, error) {
	c, err := s.connect(ordinal)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	config := suite.tls.client("localhost")
	config.InsecureSkipVerify = s.manifest.settings(t).TLS.SelfSigned
	if err := c.secure(config); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		line string
		code int
	}{{"USER " + userName, 331}, {"PASS " + suite.password, 230}, {"PBSZ 0", 200}, {"PROT P", 200}, {"TYPE I", 200}} {
		if _, err := c.say(step.code, "%s", step.line); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *ftps) secure(config *tls.Config) error {
	if _, err := c.say(234, "AUTH TLS"); err != nil {
		return err
	}
	c.config = config
	secured := tls.Client(c.conn, config)
	c.conn, c.text = secured, textproto.NewConn(secured)
	return secured.Handshake()
}

// say sends a command, whose reply must have this code.
func (c *ftps) say(code int, format string, args ...any) (string, error) {
	if err := c.text.PrintfLine(format, args...); err != nil {
		return "", err
	}
	_, text, err := c.text.ReadResponse(code)
	return text, err
}

// thereAndBack uploads something and downloads it again.
func (c *ftps) thereAndBack(verb, name string) error {
	sent := make([]byte, 20_000)
	_, _ = rand.Read(sent)
	upload := func(data net.Conn) error {
		_, err := data.Write(sent)
		return err
	}
	if err := c.transfer(verb, "STOR /"+name, upload); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	var got []byte
	download := func(data net.Conn) (err error) {
		got, err = io.ReadAll(data)
		return err
	}
	if err := c.transfer(verb, "RETR /"+name, download); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	if !bytes.Equal(got, sent) {
		return fmt.Errorf("%d bytes come back for %d, or others", len(got), len(sent))
	}
	return nil
}

func (c *ftps) transfer(verb, command string, move func(net.Conn) error) error {
	code := map[string]int{"PASV": 227, "EPSV": 229}[verb]
	asked := time.Now()
	text, err := c.say(code, "%s", verb)
	if err != nil {
		return err
	}
	c.waits = append(c.waits, time.Since(asked))
	port, err := portTold(verb, text)
	if err != nil {
		return err
	}
	raw, err := c.site.dial(c.ordinal, port)
	if err != nil {
		return err
	}
	defer raw.Close()
	if _, err := c.say(150, "%s", command); err != nil {
		return err
	}
	data := tls.Client(raw, c.config)
	if err := errors.Join(move(data), data.Close()); err != nil {
		return err
	}
	_, _, err = c.text.ReadResponse(226)
	return err
}

// portTold reads the reply to PASV, which must name the pod, or to EPSV.
func portTold(verb, text string) (port int, err error) {
	_, inside, _ := strings.Cut(text, "(")
	if verb == "EPSV" {
		_, err = fmt.Sscanf(inside, "|||%d|)", &port)
		return port, err
	}
	var high, low int
	_, err = fmt.Sscanf(inside, strings.ReplaceAll(podAddress, ".", ",")+",%d,%d)", &high, &low)
	return high<<8 | low, err
}
