package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// applyFunc is confine.Apply or confine.Probe.
type applyFunc func(confine.Mode, confine.Needs) (confine.State, error)

// enterSandbox takes from the process what this configuration does not need. It
// comes after everything is bound and opened, and before any client is served.
func (s *setup) enterSandbox(apply applyFunc) (confine.State, error) {
	var mode confine.Mode
	if err := mode.UnmarshalText([]byte(s.config.Sandbox)); err != nil {
		return confine.State{}, s.fault("sandbox", "%v", err)
	}
	state, err := apply(mode, s.needs())
	if err != nil {
		return state, s.fault("sandbox", "%v: change that, or write auto", err)
	}
	s.confined.Store(&state)
	return state, nil
}

// strangers are the sources that name homes which nobody knows before the login,
// where the configuration says nothing of where they are.
func (s *setup) strangers() []string {
	if len(s.config.SandboxAllow.Write) > 0 {
		return nil
	}
	var sources []string
	if l := s.config.Auth.LDAP; len(l.Servers) > 0 && l.Attributes.Home != "" {
		sources = append(sources, "auth.ldap")
	}
	if s.config.Auth.HTTP.URL != "" {
		sources = append(sources, "auth.http")
	}
	if s.config.Auth.SQL.DSN != "" {
		sources = append(sources, "auth.sql")
	}
	return sources
}

const strangersProblem = "may name homes that the sandbox does not know, and such a home would be refused: list the directories that homes are in at sandbox_allow.write"

func (s *setup) logStrangers(log *zap.Logger, state confine.State) {
	if !state.Files {
		return
	}
	for _, source := range s.strangers() {
		log.Warn("homes may be outside the sandbox", zap.String("setting", source), zap.String("problem", strangersProblem))
	}
}

// outsideSandbox is what a configuration that is to replace another one needs
// and the kernel would refuse to the running process.
func (s *setup) outsideSandbox() error {
	state := s.confined.Load()
	if state == nil { // it replaces none
		return nil
	}
	if err := state.Covers(s.configuredNeeds()); err != nil {
		return fmt.Errorf("%w: restart the server (sandbox_allow, set at its start, saves that)", err)
	}
	return nil
}

// outside is what is wrong with users who have come while the server ran: their
// homes and mounts are not among what it may use.
func (s *setup) outside(users []driver.User) error {
	state := s.confined.Load()
	if state == nil { // not yet
		return nil
	}
	var faults []error
	for _, user := range users {
		if err := state.Covers(s.placeNeeds(user)); err != nil {
			faults = append(faults, fmt.Errorf("user %s: %w: restart the server (sandbox_allow.write, set at its start, saves that)", user.Name, err))
		}
	}
	return errors.Join(faults...)
}

func logSandbox(log *zap.Logger, state confine.State) {
	fields := []zap.Field{
		zap.Stringer("sandbox", state.Mode), zap.String("level", string(state.Level())), zap.Int("landlock_abi", state.LandlockABI),
		zap.Bool("files", state.Files), zap.Bool("tcp_ports", state.Ports), zap.Bool("system_calls", state.SystemCalls),
	}
	if len(state.Open) > 0 {
		fields = append(fields, zap.Strings("open", state.Open))
	}
	if len(state.Missing) > 0 {
		log.Warn("the process is not wholly confined", append(fields, zap.Strings("missing", state.Missing))...)
		return
	}
	log.Info("confinement", fields...)
}

// checkSandbox reports how far the server would be confined.
func (s *setup) checkSandbox(r *report) {
	state, err := s.enterSandbox(confine.Probe)
	r.add("sandbox", state.String(), err)
	if err != nil {
		return
	}
	r.Sandbox = &sandboxReport{state.Level(), state}
	if len(state.Missing) > 0 {
		r.Checks[len(r.Checks)-1].Severity = "notice"
	}
	if state.Files {
		for _, source := range s.strangers() {
			r.Checks = append(r.Checks, outcome{Check: "sandbox", OK: true, Severity: "warning", Detail: source + " " + strangersProblem})
		}
	}
	for _, file := range s.unfollowed() {
		r.Checks = append(r.Checks, outcome{Check: "sandbox", OK: true, Severity: "notice", Detail: fmt.Sprintf(
			"%s lies right below the root of the file system, so the server may read that file but no other that replaces it: move it to a directory of its own, or restart after each change", file)})
	}
}

// unfollowed are the files that a confined server cannot read again after they
// were replaced.
func (s *setup) unfollowed() []string {
	var files []string
	if s.config.Sandbox == confine.Off.String() {
		return nil
	}
	for _, file := range []string{s.file, string(s.config.TLS.Certificate), string(s.config.TLS.Key)} {
		if file != "" && confine.IsNearRoot(filepath.Dir(absolute(config.Path(file)))) {
			files = append(files, file)
		}
	}
	return files
}
