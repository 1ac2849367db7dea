//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/portico-ftp/portico/server/admin/web"
)

// stage is the admin page before an API whose answers a test makes up: it shows
// what takes long to bring about with a real server.
type stage struct {
	*httptest.Server
	ports   int
	away    atomic.Bool
	round   atomic.Int64
	asked   atomic.Int64 // overviews
	started time.Time
}

func newStage(t *testing.T, ports int) *stage {
	t.Helper()
	s := &stage{ports: ports, started: time.Now()}
	mux := http.NewServeMux()
	mux.Handle("GET /", web.Handler())
	answers := map[string]func() any{
		"whoami":    func() any { return object{"name": "ada", "role": "admin"} },
		"overview":  s.overview,
		"status":    s.status,
		"transfers": func() any { return object{"transfers": s.transfers()} },
		"sessions":  s.sessions,
		"bans":      s.bans,
		"log":       s.logEntries,
		"ports":     s.portList,
	}
	for path, answer := range answers {
		mux.HandleFunc("GET /api/v1/"+path, func(w http.ResponseWriter, r *http.Request) {
			if s.away.Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			if path == "overview" {
				s.asked.Add(1)
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer())
		})
	}
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

type object map[string]any

func (s *stage) overview() any {
	return object{"status": s.status(), "cells": s.cells(), "transfers": s.transfers()}
}

// The states of ports on the stage: of ten ports in a row one is pending, of
// thirty three are never reached, the last two are retired, and every seventh
// serves a connection from one answer to the next.
func (s *stage) cells() []object {
	round := s.round.Add(1)
	cells := []object{}
	for i := range s.ports {
		cell := object{"port": 20000 + i, "pending": 0, "connected": 40 + i%13, "missed": i % 3}
		switch {
		case i >= s.ports-2 && s.ports > 4:
			cell["retired"] = true
		case i%30 > 26:
			cell["unreached"] = true
		case i%10 == 1:
			cell["pending"] = 1 + i%2
		case i%7 == 0:
			cell["connected"] = 40 + int(round)
		}
		cells = append(cells, cell)
	}
	return cells
}

func (s *stage) status() any {
	seconds := time.Since(s.started).Seconds()
	return object{
		"version": "1.4.0", "started": s.started.Add(-53 * time.Hour), "now": time.Now(), "ready": true,
		"listeners": []string{"[::]:2121", "[::]:2990"}, "passive_ports": fmt.Sprintf("20000-%d", 20000+s.ports-1),
		"config":    object{"loaded": s.started, "tried": s.started, "error": "users[3].home: /srv/ftp/none does not exist: make it, or write another"},
		"sessions":  object{"open": 5, "logged_in": 5, "accepted": 18273, "turned_away": 312},
		"transfers": len(s.transfers()), "bytes": object{"upload": int(seconds * 3e6), "download": int(seconds * seconds * 4e6), "listing": 0},
		"over_limit": object{"sessions": 0, "sessions_per_ip": 12, "transfers_per_user": 3},
		"ports":      object{"total": s.ports, "free": s.ports * 8 / 10, "retired": 2, "pending": s.ports / 10, "waiting": 2, "exhausted": 7, "refused": 41, "unreached": 1},
		"bans":       2, "security": object{"tls": "login", "sandbox": "full", "sandbox_detail": "confined: files, TCP ports, system calls (Landlock ABI 6)"},
	}
}

func (s *stage) transfers() []object {
	at := func(ago int) time.Time { return s.started.Add(-time.Duration(ago) * time.Second) }
	grown := int(time.Since(s.started).Seconds() * 4e6)
	return []object{
		{"session": 12, "user": "alice", "client": "198.51.100.23:51312", "verb": "RETR", "path": "/releases/2026/portico-1.4.0-linux-amd64.tar.gz", "direction": "download", "bytes": 600e6 + grown, "size": 1900e6, "started": at(180), "mode": "passive", "port": 20001, "tls": true},
		{"session": 13, "user": "backup", "client": "[2001:db8::42]:40122", "verb": "STOR", "path": "/db/nightly.dump", "direction": "upload", "bytes": 120e6 + grown/2, "started": at(60), "mode": "passive", "port": 20007, "tls": true},
		{"session": 15, "user": "bob", "client": "203.0.113.5:33301", "verb": "REST", "path": "/" + fmt.Sprintf("%0120d", 7) + "/a file with a very long name, which nobody would call so.bin", "direction": "download", "bytes": 9e6, "offset": 31e6, "size": 44e6, "started": at(9), "mode": "active", "port": 20, "tls": false},
	}
}

func (s *stage) sessions() any {
	since := func(minutes int) time.Time { return s.started.Add(-time.Duration(minutes) * time.Minute) }
	all := []object{
		{"id": 12, "user": "alice", "logged_in": true, "client": "198.51.100.23:51310", "since": since(42), "tls_version": "1.3", "protected_data": true, "command": "RETR", "transfer": s.transfers()[0]},
		{"id": 13, "user": "backup", "logged_in": true, "client": "[2001:db8::42]:40120", "since": since(3), "tls_version": "1.3", "protected_data": true, "transfer": s.transfers()[1]},
		{"id": 15, "user": "bob", "logged_in": true, "client": "203.0.113.5:33300", "since": since(1), "protected_data": false, "transfer": s.transfers()[2]},
		{"id": 16, "user": "a-name-that-is-longer-than-any-that-one-would-give-to-anybody@example.org", "logged_in": true, "client": "203.0.113.99:1024", "since": since(300), "idle_since": since(2), "tls_version": "1.2", "protected_data": false},
		{"id": 17, "user": "root", "logged_in": false, "client": "192.0.2.77:61001", "since": since(0), "protected_data": false, "command": "PASS"},
	}
	return object{"total": len(all), "sessions": all}
}

func (s *stage) bans() any {
	return object{"bans": []object{
		{"network": "192.0.2.77/32", "since": s.started, "until": s.started.Add(time.Hour), "count": 3, "reason": "wrong passwords"},
		{"network": "2001:db8:1:2::/64", "since": s.started, "reason": "scans for old holes, and was asked twice to stop"},
	}}
}

func (s *stage) logEntries() any {
	entries := []object{
		{"message": "session begins", "level": "info", "fields": object{"session_id": 17, "remote_addr": "192.0.2.77:61001"}},
		{"message": "login failed", "level": "warn", "fields": object{"session_id": 17, "remote_addr": "192.0.2.77:61001", "user": "root", "cause": "no such user"}},
		{"message": "transfer done", "level": "info", "fields": object{"session_id": 12, "user": "alice", "path": "/releases/2026/SHA256SUMS", "bytes": 4912, "duration": "12.2ms"}},
		{"message": "the configuration was not reloaded", "level": "error", "fields": object{"error": "users[3].home: /srv/ftp/none does not exist"}},
	}
	for i := range entries {
		entries[i]["number"], entries[i]["time"] = i+1, s.started
	}
	return object{"entries": entries}
}

func (s *stage) portList() any {
	return object{"unreached": []object{{"network": "203.0.113.0/24", "ports": "20027-20029"}}, "ports": []any{}, "outcomes": object{}, "counts": object{}}
}

// open shows the stage in a tab.
func (s *stage) open(b *browser) {
	b.t.Helper()
	b.visit(s.URL)
	b.says("link-text", "Live")
}

func TestPageDrawsPortsFromFewToVeryMany(t *testing.T) {
	t.Parallel()
	for _, ports := range []int{0, 1, 4, 16, 100, 1000, 16384} {
		t.Run(fmt.Sprint(ports), func(t *testing.T) {
			t.Parallel()
			b := openBrowser(t)
			stage := newStage(t, ports)
			stage.open(b)
			eventually(t, pageTimeout, "two overviews", func() bool { return stage.asked.Load() > 1 || ports > 2000 })
			b.says("map-runs", fmt.Sprintf("%d", ports%1000)) // the last digits stand alone
			for _, width := range []int64{1280, 360} {
				b.size(width, 900)
				b.await("document.querySelector('#map canvas').width === document.querySelector('#map').clientWidth * devicePixelRatio")
				b.checkFits()
				if height := eval[float64](b, "document.querySelector('#map canvas').clientHeight"); height > 480 {
					t.Errorf("the map of %d ports is %v pixels high in a window of %d", ports, height, width)
				}
				b.shoot(fmt.Sprintf("ports-%d-%d", ports, width))
			}
		})
	}
}

func TestPageIsLegibleInBothThemesAndOnNarrowScreens(t *testing.T) {
	t.Parallel()
	b := openBrowser(t)
	stage := newStage(t, 100)
	for _, scheme := range []string{"light", "dark"} {
		b.prefer(scheme)
		stage.open(b)
		eventually(t, pageTimeout, "some overviews", func() bool { return stage.asked.Load() > 8 })
		for _, width := range []int64{1440, 800, 360, 320} {
			b.size(width, 900)
			b.says("bans", "192.0.2.77/32")
			b.checkFits()
			b.checkContrast()
			b.shoot(fmt.Sprintf("page-%s-%d", scheme, width))
		}
	}
	b.size(1440, 900)
	ground := "getComputedStyle(document.body).backgroundColor"
	dark := eval[string](b, ground)
	b.click("#theme") // auto, so light
	b.await(ground + " !== " + fmt.Sprintf("%q", dark))
	b.visit(stage.URL)
	b.says("theme", "light")
	b.await(ground + " !== " + fmt.Sprintf("%q", dark))
}

func TestPageIsUsedByKeyboard(t *testing.T) {
	t.Parallel()
	b := openBrowser(t)
	stage := newStage(t, 100)
	stage.open(b)
	b.await("document.querySelectorAll('#sessions tr').length === 5 && document.querySelectorAll('#bans li').length === 2")
	focus := "(document.activeElement.id || document.activeElement.textContent)"
	var order []string
	for range 12 {
		b.press(kb.Tab)
		order = append(order, eval[string](b, focus))
		if outline := eval[string](b, "getComputedStyle(document.activeElement).outlineStyle"); outline == "none" {
			t.Errorf("the focus on %s cannot be seen", order[len(order)-1])
		}
	}
	want := fmt.Sprint([]string{"Skip to the content", "reload", "drain", "pause", "theme", "help", "map", "filter", "Kick", "Kick", "Kick", "Kick"})
	if got := fmt.Sprint(order); got != want {
		t.Errorf("Tab goes to %v, want %v", got, want)
	}
	b.strike("1")
	b.await("document.activeElement.id === 'h-ports'")
	b.do(focusOn("#map"))
	b.press(kb.ArrowRight)
	b.await("document.querySelector('#map').getAttribute('aria-valuetext').startsWith('Port 20001, pending, 2 connections expected')")
	b.press(kb.End)
	b.await("document.querySelector('#map').getAttribute('aria-valuetext').startsWith('Port 20099, retired')")
	b.shoot("keyboard")
	b.strike("?")
	b.await("document.querySelector('#keys').open")
	b.checkContrast()
	b.shoot("keys")
	b.press(kb.Escape)
	b.await("!document.querySelector('#keys').open && document.activeElement.id === 'map'")
	b.strike("/")
	b.await("document.activeElement.id === 'filter'")
	b.press("alice")
	b.await("document.querySelectorAll('#sessions tr').length === 1")
	b.do(focusOn("#map"))
	b.strike("p")
	b.says("link-text", "Paused")
	b.strike("p")
	b.says("link-text", "Live")
}

func TestPageSaysThatTheServerIsAwayAndComesBack(t *testing.T) {
	t.Parallel()
	b := openBrowser(t)
	stage := newStage(t, 4)
	stage.open(b)
	stage.away.Store(true)
	b.says("link-text", "Away since")
	b.checkContrast()
	b.shoot("away")
	stage.away.Store(false)
	b.click("#link-retry")
	b.says("link-text", "Live")
	stage.away.Store(true)
	b.says("link-text", "Away since")
	stage.away.Store(false)
	b.says("link-text", "Live") // by itself
}

func TestPageAsksSeldomWhileNobodyLooks(t *testing.T) {
	t.Parallel()
	b := openBrowser(t)
	stage := newStage(t, 4)
	stage.open(b)
	b.do(hide(true))
	b.says("link-text", "In the background")
	b.do(hide(false))
	before := stage.asked.Load()
	b.says("link-text", "Live")
	eventually(t, pageTimeout, "an overview after the return", func() bool { return stage.asked.Load() > before })
}
