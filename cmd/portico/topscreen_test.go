package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/admin"
)

// overviewOf is a server at a moment, with so many transfers and ports.
func overviewOf(second, transfers, ports int) admin.Overview {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now := start.Add(time.Duration(second) * time.Second)
	o := admin.Overview{Status: admin.Status{
		Version: "1.2.3", Ready: true, Started: start, Now: now, Transfers: transfers,
		Sessions: admin.Counts{Open: 7, LoggedIn: 5}, Bytes: map[string]uint64{"upload": uint64(second) << 20, "download": 0, "listing": 0},
		Ports: admin.PortCounts{Total: ports, Free: ports},
	}}
	for i := range transfers {
		o.Transfers = append(o.Transfers, admin.Transfer{Session: uint64(i + 1), User: "alice", TransferInfo: server.TransferInfo{
			Verb: "STOR", Path: fmt.Sprintf("/incoming/file-%d", i), Direction: server.DirectionUpload, Bytes: int64(second) << 20, Size: 8 << 20, Started: start,
		}})
	}
	for i := range ports {
		o.Cells = append(o.Cells, admin.PortCell{Port: uint16(21100 + i)})
	}
	return o
}

func TestTopShowsProgressAndRates(t *testing.T) {
	t.Parallel()
	s := &topScreen{now: overviewOf(1, 1, 4)}
	next := overviewOf(3, 1, 4)
	next.Cells[1].Pending, next.Cells[2].Connected, next.Cells[3].Unreached = 1, 1, true
	s.advance(next)
	got := strings.Join(s.render(80, 24), "\n")
	want := `portico 1.2.3  ready  up 3s
sessions 7 (5 logged in)  transfers 1  bans 0
up 1.0 MiB/s  down 0 B/s  listings 0 B/s

ID     USER         DIR      DONE                         RATE  PATH
1      alice        upload   [###.......]  37%    3.0 MiB    1.0 MiB/s  /incomi~

ports 4, 4 free, 0 pending, 0 waiting, 0 refused for want of one
.*+!
. free  * pending  + just connected  ! unreached by some  x retired
q quits  ` + next.Status.Now.Local().Format(time.TimeOnly)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTopFitsTheScreen(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{80, 24}, {20, 6}, {40, 10}, {200, 60}, {1, 1}, {0, 0}} {
		for _, transfers := range []int{0, 1, 300} {
			for _, ports := range []int{0, 100, 5000} {
				s := &topScreen{now: overviewOf(2, transfers, ports)}
				lines := s.render(size[0], size[1])
				width, height := max(size[0], 20), max(size[1], 6)
				if len(lines) > height {
					t.Errorf("%v, %d transfers, %d ports: %d lines", size, transfers, ports, len(lines))
				}
				for _, line := range lines {
					if utf8.RuneCountInString(line) > width {
						t.Errorf("%v: line of %d characters: %q", size, utf8.RuneCountInString(line), line)
					}
				}
				if last := lines[len(lines)-1]; !strings.HasPrefix(last, "q quits") {
					t.Errorf("%v: the last line is %q", size, last)
				}
			}
		}
	}
}

func TestTopSaysHowManyMore(t *testing.T) {
	t.Parallel()
	s := &topScreen{now: overviewOf(2, 200, 100)}
	s.now.Status.Transfers = 450 // of which 200 came
	lines := s.render(80, 24)
	shown, more := 0, 0
	for _, line := range lines {
		if strings.Contains(line, "alice") {
			shown++
		}
		fmt.Sscanf(line, "and %d more", &more)
	}
	if shown == 0 || shown+more != 450 {
		t.Errorf("%d shown and %d more, want 450 together", shown, more)
	}
}

func TestTopWithoutAnswer(t *testing.T) {
	t.Parallel()
	s := &topScreen{now: overviewOf(2, 1, 4)}
	s.problem = "gone\x1b[2J"
	lines := s.render(80, 24)
	if last := lines[len(lines)-1]; last != "NO ANSWER: gone?[2J" {
		t.Errorf("got %q", last)
	}
	s.advance(overviewOf(1, 0, 4)) // another process: less than before
	if got := strings.Join(s.render(80, 24), "\n"); !strings.Contains(got, "up 0 B/s") || !strings.Contains(got, "no transfers") {
		t.Errorf("got\n%s", got)
	}
}

func TestNamesOfClientsDoNotReachTheTerminal(t *testing.T) {
	t.Parallel()
	o := overviewOf(1, 1, 0)
	o.Transfers[0].User, o.Transfers[0].Path = "\x1b]0;x\x07", "/a\nb\x9b31m"
	for _, line := range (&topScreen{now: o}).render(120, 24) {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x9b }) {
			t.Errorf("the line %q holds control characters", line)
		}
	}
}
