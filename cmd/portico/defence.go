package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/guard"
	"github.com/portico-ftp/portico/server/shared"
)

// defence is what a service does about security events: it bans, and it keeps
// the audit log.
type defence struct {
	guard *guard.Guard
	audit *auditLog
	stop  context.CancelFunc
	done  chan struct{} // closed when the guard has written its files
	count func(server.SecurityEvent)
}

// openDefence reads bans and lists. The caller closes it, after the server.
func (s *setup) openDefence(logs *logs, state *shared.State) (*defence, error) {
	d := &defence{audit: logs.audit, done: make(chan struct{}), count: s.administration.countSecurity}
	options := guardOptions(s.config)
	options.Logger, options.OnSecurity = logs.ordinary, d.record
	if state != nil {
		options.Shared = state.Bans()
	}
	var err error
	if d.guard, err = guard.New(options); err != nil {
		return nil, s.guardFault(err)
	}
	var ctx context.Context
	ctx, d.stop = context.WithCancel(context.Background())
	go d.run(ctx)
	return d, nil
}

func (d *defence) run(ctx context.Context) {
	defer close(d.done)
	d.guard.Run(ctx)
}

// close writes the bans that are not in their file yet.
func (d *defence) close() {
	d.stop()
	<-d.done
}

// observe is a server's OnSecurity.
func (d *defence) observe(e server.SecurityEvent) {
	d.record(e)
	d.guard.Observe(e)
}

func (d *defence) record(e server.SecurityEvent) {
	d.count(e)
	d.audit.record(e)
}

// observeRefusal is an allocator's OnRefused. Those who are banned may knock at
// passive ports as much as they like.
func (d *defence) observeRefusal(r portalloc.Refusal) {
	if _, admitted := d.guard.Admit(r.Peer.Addr()); admitted {
		d.observe(server.WrongPeer(r))
	}
}

// checkDefence tries the lists and the file of bans, and makes nothing.
func (s *setup) checkDefence() error {
	if _, err := guard.New(guardOptions(s.config)); err != nil {
		return s.guardFault(err)
	}
	if file := string(s.config.Defence.BanFile); file != "" {
		if err := checkDirectory(filepath.Dir(file)); err != nil {
			return s.fault("defence.ban_file", "%v", err)
		}
	}
	return nil
}

// guardFault names the section of what a guard could not read.
func (s *setup) guardFault(err error) error {
	text := strings.TrimPrefix(err.Error(), "guard: ")
	if errors.Is(err, guard.ErrInvalid) {
		return s.fault("defence.ban_file", "%s", text)
	}
	return s.fault("defence", "%s", text)
}

// recordConfig tells which configuration has come into force. What is secret in
// it does not count.
func (s *setup) recordConfig(d *defence, reason string) {
	text, err := s.config.YAML()
	if err == nil {
		d.record(server.SecurityEvent{
			Kind: server.SecurityConfigChanged, Time: time.Now(), Reason: reason, Detail: "sha256:" + sum(text),
		})
	}
}

// sum is the SHA-256 of a text.
func sum(text []byte) string {
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}

// guardOptions returns the options of a guard without a logger.
func guardOptions(cfg *config.Config) guard.Options {
	d := cfg.Defence
	w := d.Weights
	return guard.Options{
		Off:       !d.Enabled,
		Threshold: d.Threshold,
		Weights: guard.Weights{
			WrongPassword: w.WrongPassword, UnknownUser: w.UnknownUser, ProtocolAbuse: w.ProtocolAbuse, WrongPeer: w.WrongPeer,
		},
		HalfLife: d.HalfLife,
		Ban:      d.Ban,
		MaxBan:   d.MaxBan,
		BanFile:  string(d.BanFile),
		Lists: guard.Lists{
			Never: never(proxies(cfg), d.Allow), Deny: d.Deny, Only: d.Only,
			NeverFile: string(d.AllowFile), DenyFile: string(d.DenyFile), OnlyFile: string(d.OnlyFile),
		},
	}
}

// never are the networks that nothing closes out. Load balancers that send a
// PROXY header are among them: they could name any client anyway.
func never(balancers, allowed []netip.Prefix) []netip.Prefix {
	return append(append([]netip.Prefix{}, allowed...), balancers...)
}
