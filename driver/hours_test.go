package driver_test

import (
	"testing"
	"time"

	"github.com/portico-ftp/portico/driver"
)

func TestHoursContain(t *testing.T) {
	t.Parallel()
	tests := []struct{ hours, inside, outside string }{
		{"Mon-Fri 08:00-18:00", "Mon 08:00", "Mon 07:59"},
		{"Mon-Fri 08:00-18:00", "Fri 17:59", "Fri 18:00"},
		{"Mon-Fri 08:00-18:00", "Wed 12:00", "Sat 12:00"},
		{"mon-friday 08:00-18:00, Sat 09:00-12:00", "Sat 09:00", "Sat 12:00"},
		{"22:00-06:00", "Tue 22:00", "Tue 06:00"},
		{"22:00-06:00", "Wed 05:59", "Wed 21:59"},
		{"Fri 22:00-06:00", "Sat 05:00", "Fri 05:00"},
		{"Sat 22:00-06:00", "Sun 05:00", "Mon 05:00"},
		{"Fri-Mon", "Sun 00:00", "Thu 23:59"},
		{"Sun", "Sun 23:59", "Mon 00:00"},
		{"18:00-24:00", "Mon 23:59", "Mon 00:00"},
		{"Mon 08:00-08:00", "Tue 07:59", "Tue 08:00"},
	}
	for _, tt := range tests {
		t.Run(tt.hours+" has "+tt.inside+" and not "+tt.outside, func(t *testing.T) {
			t.Parallel()
			var hours driver.Hours
			must(t, hours.UnmarshalText([]byte(tt.hours)))
			if !hours.Contain(timeOfWeek(t, tt.inside)) {
				t.Errorf("%s is not inside", tt.inside)
			}
			if hours.Contain(timeOfWeek(t, tt.outside)) {
				t.Errorf("%s is inside", tt.outside)
			}
		})
	}
}

// timeOfWeek reads "Mon 08:00".
func timeOfWeek(t *testing.T, text string) time.Time {
	t.Helper()
	for d := 1; d <= 7; d++ {
		day := time.Date(2026, time.March, d, 0, 0, 0, 0, time.UTC)
		if clock, err := time.Parse("Mon 15:04", text); err == nil && day.Format("Mon") == text[:3] {
			return day.Add(time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute)
		}
	}
	t.Fatalf("%q is no time of the week", text)
	return time.Time{}
}

func FuzzHours(f *testing.F) {
	for _, seed := range []string{"Mon-Fri 08:00-18:00, Sat", "22:00-06:00", "", "Sun-Sat 24:00-24:00", "Mon-", "25:00-26:00", "Mon Tue"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var hours, again driver.Hours
		if hours.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(hours.String())); err != nil || again.String() != hours.String() {
			t.Errorf("%q became %q and then %q, %v", text, hours, again, err)
		}
	})
}

func TestHoursRefuseWhatIsNoTime(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Mon-", "Someday", "08:00", "08:00-", "25:00-26:00", "Mon 08:00-18:00 Tue", "Mon Tue", "8-18"} {
		var hours driver.Hours
		if err := hours.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, hours)
		}
	}
}
