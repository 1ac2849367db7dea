package server

import "time"

// The times of listings, in UTC. Time.AppendFormat, which interprets a layout,
// takes several times as long, and little else of a line takes as long as that.

// halfAYear is the age from which ls shows the year instead of the time.
const halfAYear = 182 * 24 * time.Hour

// appendListTime appends a time as ls -l does: "Jan _2 15:04" or "Jan _2  2006".
func appendListTime(dst []byte, t, now time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	dst = append(append(dst, month.String()[:3]...), ' ')
	if day < 10 {
		dst = append(dst, ' ', byte('0'+day), ' ')
	} else {
		dst = append(appendTwo(dst, day), ' ')
	}
	if age := now.Sub(t); age > halfAYear || age < -24*time.Hour {
		return appendYear(append(dst, ' '), t, year)
	}
	hour, minute, _ := t.Clock()
	return appendTwo(append(appendTwo(dst, hour), ':'), minute)
}

// timeFormat is that of RFC 3659 §2.3, in UTC.
const timeFormat = "20060102150405"

// appendFactTime appends a time as timeFormat says.
func appendFactTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendYear(dst, t, year)
	dst = appendTwo(appendTwo(dst, int(month)), day)
	return appendTwo(appendTwo(appendTwo(dst, hour), minute), second)
}

func appendYear(dst []byte, t time.Time, year int) []byte {
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, "2006")
	}
	return appendTwo(appendTwo(dst, year/100), year%100)
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }
