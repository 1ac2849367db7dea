//go:build unix

package e2e

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	replicaCount = 3
	sliceSize    = 10
	crowdName    = "crowd" // a user whose login costs nothing
)

// replicas are servers with one configuration and one home, behind HAProxy. On
// one machine they cannot have the ports that HAProxy has, so those that clients
// are told are others than those that they listen on.
type replicas struct {
	*site
	sticky     bool // no slices
	proxied    bool // HAProxy sends PROXY headers
	front      int  // where HAProxy waits for control connections
	advertised ports
	each       [replicaCount]*process
}

func newReplicas(t *testing.T, sticky, proxied bool) *replicas {
	t.Helper()
	secondClient(t) // skips where there is no such address
	need(t, haproxyProgram)
	r := &replicas{
		site: newSite(t), sticky: sticky, proxied: proxied,
		front: suite.ports.take(t, 1).first, advertised: suite.ports.take(t, replicaCount*sliceSize),
	}
	r.narrow(replicaCount * sliceSize)
	r.set("passive.public_address", "127.0.0.1")
	r.set("users", append(r.settings["users"].([]any), map[string]any{
		"name": crowdName, "anonymous": true, "home": r.home, "permissions": []any{"list", "read", "write", "delete", "overwrite"},
	}))
	return r
}

// start starts all replicas, and HAProxy as the page about them says.
func (r *replicas) start() {
	r.t.Helper()
	for i := range r.each {
		r.startOne(i)
	}
	startHAProxy(r.t, r.dir, r.balancing())
	r.each[0].awaitGreeting(r.t, r.address())
}

func (r *replicas) startOne(i int) {
	r.t.Helper()
	listener := map[string]any{"address": r.controlOf(i)}
	if r.proxied {
		listener["proxy_protocol"] = []any{"127.0.0.1/32"}
	}
	r.set("listeners", []any{listener})
	if r.sticky {
		r.set("passive.ports", r.sliceOf(r.passive, i).String())
		r.set("passive.advertised_ports", r.sliceOf(r.advertised, 0).String())
	} else {
		r.set("passive.advertised_ports", r.advertised.String())
		r.set("passive.slice", "auto")
		r.set("passive.slice_ports", sliceSize)
	}
	file := r.configFile()
	own := filepath.Join(r.dir, fmt.Sprintf("portico-%d.json", i))
	if err := os.Rename(file, own); err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command("env", fmt.Sprintf("POD_INDEX=%d", i), suite.binary, "serve", "--config", own)
	suite.identity.apply(cmd)
	r.each[i] = launch(r.t, cmd)
	r.each[i].awaitLog(r.t, "serving")
}

func (r *replicas) sliceOf(p ports, i int) ports { return ports{p.first + i*sliceSize, sliceSize} }

// host is where HAProxy finds a replica.
func (r *replicas) host(i int) string { return fmt.Sprintf("127.0.0.%d", i+2) }

func (r *replicas) controlOf(i int) string { return fmt.Sprintf("%s:%d", r.host(i), r.control) }

// address is where clients go.
func (r *replicas) address() string { return fmt.Sprintf("127.0.0.1:%d", r.front) }

// balancing is the configuration of the page with the addresses and ports of
// this machine.
func (r *replicas) balancing() string {
	t := r.t
	text, told := documentedBalancing(t, slicedBalancing), r.advertised
	if r.sticky {
		text, told = documentedBalancing(t, stickyBalancing), r.sliceOf(r.advertised, 0)
		text = replaced(t, text, "bind :21100-21129\n", fmt.Sprintf("bind 127.0.0.1:%v\n", told))
	}
	text = replaced(t, text, "bind :21\n", fmt.Sprintf("bind %s\n", r.address()))
	if !r.proxied {
		text = replaced(t, text, "    default-server send-proxy-v2\n", "")
	}
	for i := range r.each {
		page := fmt.Sprintf("server portico-%d 10.1.0.1%d", i, i)
		text = replaced(t, text, page+":2121\n", fmt.Sprintf("server portico-%d %s\n", i, r.controlOf(i)))
		offset := r.passive.first - told.first
		if r.sticky {
			offset += i * sliceSize
		} else {
			text = replaced(t, text, fmt.Sprintf("bind :%v\n", r.sliceOf(ports{21100, 0}, i)), fmt.Sprintf("bind 127.0.0.1:%v\n", r.sliceOf(told, i)))
		}
		text = replaced(t, text, page, fmt.Sprintf("server portico-%d %s:%+d", i, r.host(i), offset))
	}
	return text
}

// which replica a client has reached, by the port that it was told.
func (r *replicas) which(c *caller) int { return (c.port - r.advertised.first) / sliceSize }

// clientAddress is one of its own for each of many clients.
func clientAddress(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}) }

// call opens a session through HAProxy.
func (r *replicas) call(client int, secure bool) (*caller, error) {
	var settings *tls.Config
	if secure {
		settings = suite.tls.client("127.0.0.1")
	}
	return call(r.address(), clientAddress(client), settings)
}

// callTo opens sessions until one is with a certain replica.
func (r *replicas) callTo(i int, settings *tls.Config) *caller {
	r.t.Helper()
	var found *caller
	eventually(r.t, startTimeout, fmt.Sprintf("a session is with replica %d", i), func() bool {
		c, err := call(r.address(), clientAddress(0), settings)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := c.passive(); err != nil {
			r.t.Fatal(err)
		}
		if r.which(c) != i {
			if err := c.quit(); err != nil {
				r.t.Fatal(err)
			}
			return false
		}
		found = c
		r.t.Cleanup(func() { _ = c.conn.Close() })
		return true
	})
	return found
}

// kill ends a replica as a machine does that fails.
func (r *replicas) kill(i int) {
	r.t.Helper()
	r.each[i].signal(r.t, syscall.SIGKILL)
	if code := r.each[i].exitCode(r.t, stopTimeout); code != -1 {
		r.t.Errorf("replica %d had ended before, with exit code %d:\n%s", i, code, strings.TrimSpace(r.each[i].log.String()))
	}
}
