package driver

import (
	"fmt"
	"strings"
	"time"
)

// Hours are times of the week, a list of spans. Text form: spans with commas
// between them, each of days and a time of day, either of which may be left
// out: "Mon-Fri 08:00-18:00, Sat 09:00-12:00", "22:00-06:00", "Sun".
type Hours []Span

// Span is a time of day on some days of the week.
type Span struct {
	// From and To are the first and the last day. A span may go over the end of
	// the week: Fri-Mon.
	From, To time.Weekday
	// Begin and End are times of day, from midnight. An End that is not after
	// Begin is on the next day, and 24 h is the end of the day.
	Begin, End time.Duration
}

const day = 24 * time.Hour

// Contain says whether a time is in one of the spans, by the clock of its
// location.
func (h Hours) Contain(t time.Time) bool {
	clock := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	for _, span := range h {
		if span.contains(t.Weekday(), clock) {
			return true
		}
	}
	return false
}

// contains looks at each day of the span on which it can have begun: this one,
// and, past midnight, the one before.
func (s Span) contains(today time.Weekday, clock time.Duration) bool {
	end := s.End
	if end <= s.Begin {
		end += day
	}
	yesterday := (today + 6) % 7
	return s.has(today) && s.Begin <= clock && clock < end ||
		s.has(yesterday) && clock+day < end
}

func (s Span) has(d time.Weekday) bool {
	if s.From <= s.To {
		return s.From <= d && d <= s.To
	}
	return d >= s.From || d <= s.To
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hours) UnmarshalText(text []byte) error {
	var hours Hours
	for part := range strings.SplitSeq(string(text), ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		span, err := parseSpan(part)
		if err != nil {
			return err
		}
		hours = append(hours, span)
	}
	*h = hours
	return nil
}

func parseSpan(text string) (Span, error) {
	span := Span{From: time.Sunday, To: time.Saturday, End: day}
	var err error
	words := strings.Fields(text)
	times := words
	if len(words) > 0 && !strings.Contains(words[0], ":") {
		span.From, span.To, err = parseDays(words[0])
		times = words[1:]
	}
	if err == nil && len(times) == 1 {
		span.Begin, span.End, err = parseTimes(times[0])
	}
	if err != nil || len(times) > 1 {
		return Span{}, fmt.Errorf("%q is no time of the week: write it as Mon-Fri 08:00-18:00", strings.TrimSpace(text))
	}
	return span, nil
}

func parseDays(text string) (from, to time.Weekday, err error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	if from, err = parseDay(first); err != nil {
		return 0, 0, err
	}
	to, err = parseDay(last)
	return from, to, err
}

func parseDay(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); strings.EqualFold(text, name) || strings.EqualFold(text, name[:3]) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no day", text)
}

func parseTimes(text string) (begin, end time.Duration, err error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		return 0, 0, fmt.Errorf("%q has no end", text)
	}
	if begin, err = parseClock(first); err != nil {
		return 0, 0, err
	}
	end, err = parseClock(last)
	return begin, end, err
}

// parseClock reads a time of day from 00:00 to 24:00.
func parseClock(text string) (time.Duration, error) {
	if text == "24:00" {
		return day, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, err
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// String returns the text form.
func (h Hours) String() string {
	spans := make([]string, len(h))
	for i, s := range h {
		spans[i] = s.String()
	}
	return strings.Join(spans, ", ")
}

// String returns the text form.
func (s Span) String() string {
	days := s.From.String()[:3]
	if s.From != s.To {
		days += "-" + s.To.String()[:3]
	}
	return days + " " + clockText(s.Begin) + "-" + clockText(s.End)
}

func clockText(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// MarshalText implements encoding.TextMarshaler.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.String()), nil }
