package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portico-ftp/portico/server/admin"
)

// topScreen is what portico top shows: the last answer, and the one before, from
// which rates come.
type topScreen struct {
	now, before admin.Overview // before is zero at first
	problem     string         // why there is no newer answer
}

func (s *topScreen) advance(next admin.Overview) {
	s.before, s.now, s.problem = s.now, next, ""
}

// render returns the lines of a screen of this size, no more and no longer ones.
func (s *topScreen) render(width, height int) []string {
	width, height = max(width, 20), max(height, 6)
	lines := s.header()
	cells := s.portRows(width)
	room := height - len(lines) - len(cells) - 3 // headings, and the line at the end
	if room < 1 {                                // ports have to do with less
		cells = cells[:max(0, min(len(cells), len(cells)+room-1))]
		room = 1
	}
	lines = append(lines, "", "ID     USER         DIR      DONE                         RATE  PATH")
	lines = append(lines, s.transferRows(room)...)
	lines = append(lines, cells...)
	if last := height - 1; len(lines) > last {
		lines = lines[:last]
	}
	lines = append(lines, s.footer())
	for i, line := range lines {
		lines[i] = cut(line, width)
	}
	return lines
}

func (s *topScreen) header() []string {
	status := s.now.Status
	state := "ready"
	if !status.Ready {
		state = "not ready"
	}
	return []string{
		fmt.Sprintf("portico %s  %s  up %s", status.Version, state, age(status.Now.Sub(status.Started))),
		fmt.Sprintf("sessions %d (%d logged in)  transfers %d  bans %d", status.Sessions.Open, status.Sessions.LoggedIn, status.Transfers, status.Bans),
		fmt.Sprintf("up %s/s  down %s/s  listings %s/s", s.total("upload"), s.total("download"), s.total("listing")),
	}
}

func (s *topScreen) total(direction string) string {
	before, now := s.before.Status, s.now.Status
	return rate(before.Bytes[direction], now.Bytes[direction], now.Now.Sub(before.Now), !before.Now.IsZero())
}

// rate is how fast a number of bytes has grown, 0 where there is nothing to
// compare with or the server is another one.
func rate(before, now uint64, passed time.Duration, known bool) string {
	if !known || passed <= 0 || now < before {
		return bytesText(0)
	}
	return bytesText(uint64(float64(now-before) / passed.Seconds()))
}

// transferRows are rows for the transfers, the oldest first.
func (s *topScreen) transferRows(room int) []string {
	transfers := s.now.Transfers
	if len(transfers) == 0 {
		return []string{"no transfers"}
	}
	more := 0
	if hidden := max(s.now.Status.Transfers, len(transfers)) - room; hidden > 0 {
		room--
		more = hidden + 1
	}
	var rows []string
	for _, t := range transfers[:min(max(room, 0), len(transfers))] {
		rows = append(rows, fmt.Sprintf("%-6d %-12s %-8v %s %12s  %s",
			t.Session, cut(printable(t.User), 12), t.Direction, progress(t), s.rateOf(t)+"/s", printable(t.Path)))
	}
	if more > 0 {
		rows = append(rows, fmt.Sprintf("and %d more", more))
	}
	return rows
}

// barWidth is how wide a progress bar is, without its ends.
const barWidth = 10

// progress is a bar and a percentage where the size is known, and the bytes moved
// in any case.
func progress(t admin.Transfer) string {
	moved := bytesText(uint64(t.Bytes))
	percent, known := percentOf(t.TransferInfo)
	if !known {
		return fmt.Sprintf("%-*s %10s", barWidth+7, "", moved)
	}
	full := percent * barWidth / 100
	return fmt.Sprintf("[%s%s] %3d%% %10s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), percent, moved)
}

// rateOf is how fast a transfer is: since the answer before, or, if it was not in
// that, since it began.
func (s *topScreen) rateOf(t admin.Transfer) string {
	for _, old := range s.before.Transfers {
		if old.Session == t.Session && old.Started.Equal(t.Started) {
			return rate(uint64(old.Bytes), uint64(t.Bytes), s.now.Status.Now.Sub(s.before.Status.Now), true)
		}
	}
	return rate(0, uint64(t.Bytes), s.now.Status.Now.Sub(t.Started), true)
}

// portRows are the passive ports, a character for each.
func (s *topScreen) portRows(width int) []string {
	counts := s.now.Status.Ports
	rows := []string{"", fmt.Sprintf("ports %d, %d free, %d pending, %d waiting, %d refused for want of one",
		counts.Total, counts.Free, counts.Pending, counts.Waiting, counts.Exhausted)}
	if len(s.now.Cells) == 0 {
		return rows
	}
	before := make(map[uint16]uint64, len(s.before.Cells))
	for _, cell := range s.before.Cells {
		before[cell.Port] = cell.Connected
	}
	var row strings.Builder
	for i, cell := range s.now.Cells {
		if i > 0 && i%width == 0 {
			rows = append(rows, row.String())
			row.Reset()
		}
		old, known := before[cell.Port]
		row.WriteByte(portMark(cell, known && cell.Connected > old))
	}
	rows = append(rows, row.String())
	return append(rows, ". free  * pending  + just connected  ! unreached by some  x retired")
}

func portMark(c admin.PortCell, connected bool) byte {
	switch {
	case c.Retired:
		return 'x'
	case c.Unreached:
		return '!'
	case c.Pending > 0:
		return '*'
	case connected:
		return '+'
	default:
		return '.'
	}
}

func (s *topScreen) footer() string {
	if s.problem != "" {
		return "NO ANSWER: " + printable(s.problem)
	}
	return "q quits  " + s.now.Status.Now.Local().Format(time.TimeOnly)
}

// cut shortens a line to so many characters.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return string(runes[:width-1]) + "~"
}
