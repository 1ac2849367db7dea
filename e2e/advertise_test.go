//go:build unix

package e2e

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The address in a 227 reply follows the client's network, and the port is the
// one that the world sees.
func TestPASVNamesWhatTheClientCanReach(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.narrow(1)
	balancerOf(t, s, 1, "203.0.113.7")
	s.set("passive.advertised_ports", "40021")
	s.set("passive.public_address", []any{
		map[string]any{"clients": []any{"203.0.113.0/25"}, "address": "192.0.2.1"},
		map[string]any{"clients": []any{"10.0.0.0/8"}, "address": "local"},
		map[string]any{"clients": []any{"172.16.0.0/12", "100.64.0.0/10"}, "address": "localhost"},
		map[string]any{"address": "192.0.2.99"},
	})
	s.start()
	const port = ",156,85)" // 40021
	for client, want := range map[string]string{
		"203.0.113.7":   "(192,0,2,1" + port,
		"203.0.113.200": "(192,0,2,99" + port,
		"10.9.8.7":      "(198,51,100,80" + port, // what the header names as the server
		"172.31.0.1":    "(127,0,0,1" + port,
		"100.64.5.5":    "(127,0,0,1" + port,
		"8.8.8.8":       "(192,0,2,99" + port,
	} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			b := balancer{1, netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr(client)}
			r := b.session(t, s)
			r.login()
			r.send("PASV")
			if text := r.expect(227); !strings.Contains(text, want) {
				t.Errorf("PASV: %s, want %s", text, want)
			}
			r.send("EPSV")
			if text := r.expect(229); !strings.Contains(text, "(|||40021|)") {
				t.Errorf("EPSV: %s, want port 40021", text)
			}
			const name = "/by-" // each its own file
			conn := b.dial(t, s.passive.first)
			r.send("STOR %s", name+client)
			r.expect(150)
			if _, err := io.WriteString(conn, client); err != nil {
				t.Error(err)
			}
			_ = conn.Close()
			r.expect(226)
			if got, err := os.ReadFile(filepath.Join(s.home, name+client)); err != nil || string(got) != client {
				t.Errorf("the file holds %q (%v)", got, err)
			}
		})
	}
}
