//go:build linux

package firewall

import (
	"context"
	"crypto/rand"
	"os/exec"
	"strings"
	"testing"
)

// Addresses at the ends of the way.
const (
	clientV4, clientV6 = "192.0.2.10", "2001:db8:1::10"
	serverV4, serverV6 = "203.0.113.10", "2001:db8:2::10"
	// siteV4 is the address of the server's router towards the Internet.
	siteV4 = "198.51.100.6"
)

// internet is a client, its router, the Internet, the server's router and the
// server, in a row. Nothing is filtered or translated at first.
type internet struct {
	client, clientRouter, middle, serverRouter, server *namespace
}

func newInternet(t *testing.T) *internet {
	t.Helper()
	need(t)
	id := strings.ToLower(rand.Text()[:8])
	n := &internet{
		client:       newNamespace(t, id+"-client"),
		clientRouter: newNamespace(t, id+"-crouter"),
		middle:       newNamespace(t, id+"-internet"),
		serverRouter: newNamespace(t, id+"-srouter"),
		server:       newNamespace(t, id+"-server"),
	}
	for _, router := range []*namespace{n.clientRouter, n.middle, n.serverRouter} {
		router.run(t, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
	}
	n.clientRouter.connect(t, "in", n.client, "wire", "192.0.2.1/24", clientV4+"/24", "2001:db8:1::1/64", clientV6+"/64")
	n.clientRouter.connect(t, "out", n.middle, "west", "198.51.100.2/30", "198.51.100.1/30", "2001:db8:a::2/64", "2001:db8:a::1/64")
	n.serverRouter.connect(t, "out", n.middle, "east", siteV4+"/30", "198.51.100.5/30", "2001:db8:b::2/64", "2001:db8:b::1/64")
	n.serverRouter.connect(t, "in", n.server, "wire", "203.0.113.1/24", serverV4+"/24", "2001:db8:2::1/64", serverV6+"/64")
	n.client.route(t, "default", "192.0.2.1", "2001:db8:1::1")
	n.server.route(t, "default", "203.0.113.1", "2001:db8:2::1")
	n.clientRouter.route(t, "default", "198.51.100.1", "2001:db8:a::1")
	n.serverRouter.route(t, "default", "198.51.100.5", "2001:db8:b::1")
	n.middle.run(t, "ip", "route", "add", "192.0.2.0/24", "via", "198.51.100.2")
	n.middle.run(t, "ip", "route", "add", "203.0.113.0/24", "via", siteV4)
	n.middle.run(t, "ip", "route", "add", "2001:db8:1::/64", "via", "2001:db8:a::2")
	n.middle.run(t, "ip", "route", "add", "2001:db8:2::/64", "via", "2001:db8:b::2")
	return n
}

// namespace is a machine with a network of its own.
type namespace struct{ name string }

func newNamespace(t *testing.T, name string) *namespace {
	t.Helper()
	ns := &namespace{"portico-" + name}
	if out, err := exec.Command("ip", "netns", "add", ns.name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "delete", ns.name).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	ns.run(t, "ip", "link", "set", "lo", "up")
	return ns
}

// connect lays a cable to another machine. The addresses are those of both
// ends, IPv4 first.
func (ns *namespace) connect(t *testing.T, name string, other *namespace, otherName string, own4, other4, own6, other6 string) {
	t.Helper()
	ns.run(t, "ip", "link", "add", name, "type", "veth", "peer", "name", otherName, "netns", other.name)
	for _, end := range []struct {
		*namespace
		name, v4, v6 string
	}{{ns, name, own4, own6}, {other, otherName, other4, other6}} {
		end.run(t, "sysctl", "-q", "-w", "net.ipv6.conf."+end.name+".accept_dad=0")
		end.run(t, "ip", "address", "add", end.v4, "dev", end.name)
		end.run(t, "ip", "address", "add", end.v6, "dev", end.name, "nodad")
		end.run(t, "ip", "link", "set", end.name, "up")
	}
}

func (ns *namespace) route(t *testing.T, to, via4, via6 string) {
	t.Helper()
	ns.run(t, "ip", "route", "add", to, "via", via4)
	ns.run(t, "ip", "-6", "route", "add", to, "via", via6)
}

// command is a command on this machine.
func (ns *namespace) command(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", ns.name}, words...)...)
	cmd.Dir, cmd.Env = suite.dir, suite.environment()
	return cmd
}

// run runs a command that must succeed, and returns what it prints.
func (ns *namespace) run(t *testing.T, words ...string) string {
	t.Helper()
	out, err := ns.command(t.Context(), words...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// pipe runs a command that must succeed with an input.
func (ns *namespace) pipe(t *testing.T, input string, words ...string) {
	t.Helper()
	cmd := ns.command(t.Context(), words...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s\n%s", strings.Join(words, " "), err, out, input)
	}
}
