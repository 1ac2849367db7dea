package firewall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// Run runs a program and returns what it printed. Its error says what the
// program said.
type Run func(ctx context.Context, name string, args ...string) ([]byte, error)

// Exec is a Run that runs programs of this machine.
func Exec(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if said := strings.TrimSpace(stderr.String()); err != nil && said != "" {
		return nil, fmt.Errorf("%s: %w: %s", name, err, strings.Join(strings.Fields(said), " "))
	}
	return stdout.Bytes(), err
}

// DiffTargets are the targets whose loaded rules Diff can read.
func DiffTargets() []string { return []string{"nftables", "iptables"} }

// Diff compares the plan with the rules that are loaded on this machine, as
// DiffNftables and DiffIptables do. Reading them takes root, or
// CAP_NET_ADMIN; isRoot makes the error of a refusal say so.
func (p *Plan) Diff(ctx context.Context, target string, run Run, isRoot bool) ([]string, error) {
	if !slices.Contains(DiffTargets(), target) {
		return nil, fmt.Errorf("--diff: rules of %s cannot be read back: use --for %s", target, strings.Join(DiffTargets(), " or "))
	}
	var lines []string
	var err error
	if target == "nftables" {
		lines, err = p.diffLoadedNftables(ctx, run)
	} else {
		lines, err = p.diffLoadedIptables(ctx, run)
	}
	switch {
	case err == nil:
		return lines, nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("--diff: %w: install it, or leave --diff out", err)
	case !isRoot:
		return nil, fmt.Errorf("--diff: the loaded rules are shown to root alone: run it as root, or leave --diff out (%w)", err)
	default:
		return nil, fmt.Errorf("--diff: %w", err)
	}
}

func (p *Plan) diffLoadedNftables(ctx context.Context, run Run) ([]string, error) {
	ruleset, err := run(ctx, "nft", "-j", "list", "ruleset")
	if err != nil {
		return nil, err
	}
	return p.DiffNftables(ruleset)
}

func (p *Plan) diffLoadedIptables(ctx context.Context, run Run) ([]string, error) {
	var lines []string
	for _, family := range []Family{IPv4, IPv6} {
		command := iptablesCommand(family)
		saved, err := run(ctx, command+"-save")
		if err != nil {
			return nil, err
		}
		for _, line := range p.DiffIptables(family, string(saved)) {
			sign, rule, _ := strings.Cut(line, " ")
			lines = append(lines, sign+" "+command+" "+rule)
		}
	}
	return lines, nil
}
