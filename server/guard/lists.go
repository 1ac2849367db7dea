package guard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/gaissmai/bart"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server"
)

// Lists are the networks with a rule of their own.
type Lists struct {
	// Never are never banned and not scored, and may connect whatever the other
	// lists say. Load balancers belong here.
	Never []netip.Prefix
	// Deny may not connect.
	Deny []netip.Prefix
	// Only are the only ones that may connect, besides Never. Empty: all may.
	Only []netip.Prefix
	// NeverFile, DenyFile and OnlyFile add to the lists: a network or address on
	// each line, comments behind # or ;. Run reads them again when they have
	// changed; one that cannot be used then changes nothing.
	NeverFile, DenyFile, OnlyFile string
}

// lists are Lists for looking up. They do not change.
type lists struct {
	never, deny, only bart.Lite
	limited           bool // only counts

	mu     sync.Mutex // guards what follows, for reloadLists
	source Lists
	seen   map[string]stamp
}

// SetLists replaces the lists, all at once. After an error, which joins all
// that is wrong with their files, the old ones stay.
func (g *Guard) SetLists(l Lists) error {
	read, err := l.read()
	if err != nil {
		return err
	}
	g.lists.Store(read)
	return nil
}

func (l Lists) read() (*lists, error) {
	all := &lists{source: l, seen: map[string]stamp{}, limited: len(l.Only) > 0 || l.OnlyFile != ""}
	var faults []error
	for _, list := range []struct {
		table    *bart.Lite
		networks []netip.Prefix
		file     string
	}{
		{&all.never, l.Never, l.NeverFile}, {&all.deny, l.Deny, l.DenyFile}, {&all.only, l.Only, l.OnlyFile},
	} {
		networks := slices.Clone(list.networks)
		if list.file != "" {
			all.seen[list.file] = stampOf(list.file)
			more, err := ReadNetworks(list.file)
			faults = append(faults, err)
			networks = append(networks, more...)
		}
		for _, n := range networks {
			list.table.Insert(unmapped(n))
		}
	}
	return all, errors.Join(faults...)
}

// reloadLists reads the files of the lists again if one has changed.
func (g *Guard) reloadLists() {
	old := g.lists.Load()
	old.mu.Lock()
	var changed []string
	for path, seen := range old.seen {
		if now := stampOf(path); !now.equals(seen) {
			old.seen[path] = now // told of once
			changed = append(changed, path)
		}
	}
	old.mu.Unlock()
	if len(changed) == 0 {
		return
	}
	slices.Sort(changed)
	files := strings.Join(changed, ", ")
	fresh, err := old.source.read()
	switch {
	case err != nil:
		g.log.Error("a list of networks cannot be used, the old one stays", zap.Error(err))
	case g.lists.CompareAndSwap(old, fresh):
		g.log.Info("list of networks read again", zap.String("files", files))
		g.tell(server.SecurityEvent{Kind: server.SecurityConfigChanged, Reason: "networks", Detail: files})
	}
}

// ReadNetworks reads a file of networks: one on each line, or an address, with
// comments behind # or ;. Its error names the file and the line.
func ReadNetworks(path string) ([]netip.Prefix, error) {
	info, err := os.Stat(path) // opening a pipe would wait
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no ordinary file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	networks, err := parseNetworks(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return networks, nil
}

func parseNetworks(r io.Reader) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		text := lines.Text()
		if i := strings.IndexAny(text, "#;"); i >= 0 {
			text = text[:i]
		}
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		network, err := ParseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		networks = append(networks, network)
	}
	return networks, lines.Err()
}

// ParseNetwork reads a network, or an address as the network of it alone.
func ParseNetwork(text string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return unmapped(network), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%.40q is no network: write it as 10.0.0.0/8 or 2001:db8::/32, or one address", text)
	}
	return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
}
