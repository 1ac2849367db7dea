package sqlusers

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is what stands in a column of a row.
type value struct {
	raw          any    // as database/sql has it
	databaseType string // in upper case; empty: unknown
}

// isEmpty says whether the value is NULL or an empty text.
func (v value) isEmpty() bool {
	text, err := v.text()
	return v.raw == nil || err == nil && text == ""
}

// text returns a text without the spaces at its end that CHAR fills up with,
// or a number in its decimal form.
func (v value) text() (string, error) {
	switch raw := v.raw.(type) {
	case string:
		return strings.TrimRight(raw, " "), nil
	case []byte:
		return strings.TrimRight(string(raw), " "), nil
	case int64:
		return strconv.FormatInt(raw, 10), nil
	case uint64: // MySQL's BIGINT UNSIGNED
		return strconv.FormatUint(raw, 10), nil
	default:
		return "", v.isNot("a text")
	}
}

// isNot is the error for a value that is not what is wanted.
func (v value) isNot(wanted string) error {
	if raw, ok := v.raw.([]byte); ok {
		v.raw = string(raw)
	}
	if text, ok := v.raw.(string); ok {
		return fmt.Errorf("%.100q is not %s", text, wanted)
	}
	return fmt.Errorf("%v (%s) is not %s", v.raw, strings.ToLower(v.databaseType), wanted)
}

// list returns the words between the commas of a text, or of an array of
// PostgreSQL's in its text form, {a,"b"}. There is at least one.
func (v value) list() ([]string, error) {
	text, err := v.text()
	if err != nil {
		return nil, err
	}
	inner, isArray := strings.CutPrefix(text, "{")
	if isArray {
		text = strings.TrimSuffix(inner, "}")
	}
	var words []string
	for word := range strings.SplitSeq(text, ",") {
		if isArray {
			word = strings.Trim(word, `"`)
		}
		if word = strings.TrimSpace(word); word == "" {
			return nil, v.isNot("a list of words with commas between them")
		}
		words = append(words, word)
	}
	return words, nil
}

// count returns a number of units, 0 or more.
func (v value) count(unit int64) (int64, error) {
	text, err := v.text()
	if float, ok := v.raw.(float64); ok && float == math.Trunc(float) {
		text, err = strconv.FormatFloat(float, 'f', 0, 64), nil
	}
	if err != nil {
		return 0, v.isNot("a whole number")
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	switch {
	case err != nil:
		return 0, v.isNot("a whole number")
	case n < 0:
		return 0, v.isNot("0 or more")
	case n > math.MaxInt64/unit:
		return 0, v.isNot("a number that is small enough")
	}
	return n * unit, nil
}

// truth returns yes or no.
func (v value) truth() (bool, error) {
	if yes, ok := v.raw.(bool); ok {
		return yes, nil
	}
	text, err := v.text()
	text = strings.ToLower(text)
	switch {
	case err == nil && slices.Contains([]string{"1", "t", "true", "y", "yes", "on", "\x01"}, text): // \x01: BIT
		return true, nil
	case err == nil && slices.Contains([]string{"0", "f", "false", "n", "no", "off", "\x00"}, text):
		return false, nil
	default:
		return false, v.isNot("true or false, 1 or 0, yes or no")
	}
}

// end returns when a time has come, or a last day is over; the zero time for
// infinity.
func (v value) end() (time.Time, error) {
	if t, ok := v.raw.(time.Time); ok {
		return v.endOf(t)
	}
	text, err := v.text()
	if err != nil {
		return time.Time{}, v.isNot("a day such as 2026-12-31, or a time")
	}
	if text == "infinity" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return dayAfter(day), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, v.isNot("a day such as 2026-12-31, or a time")
}

// endOf is end for what a database driver has read as a time. Those without a
// time zone have come in UTC.
func (v value) endOf(t time.Time) (time.Time, error) {
	switch {
	case t.Year() <= 1: // MySQL's 0000-00-00
		return time.Time{}, v.isNot("a day: write NULL for none")
	case v.databaseType == "DATE":
		return dayAfter(t), nil
	case v.databaseType == "TIMESTAMPTZ" || t.Location() != time.UTC:
		return t, nil
	default:
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.Local), nil
	}
}

func dayAfter(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, time.Local)
}
