package confine

import "fmt"

// Mode says what happens where not everything can be confined. Text form:
// "auto", "required" or "off".
type Mode int

const (
	// Auto confines what the system can and says what is missing.
	Auto Mode = iota
	// Required is an error where files, TCP ports or system calls could not be
	// confined.
	Required
	// Off confines nothing.
	Off
)

var modeNames = []string{"auto", "required", "off"}

// String returns the text form.
func (m Mode) String() string {
	if m < 0 || int(m) >= len(modeNames) {
		return fmt.Sprintf("Mode(%d)", int(m))
	}
	return modeNames[m]
}

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is Auto.
func (m *Mode) UnmarshalText(text []byte) error {
	for i, name := range modeNames {
		if string(text) == name {
			*m = Mode(i)
			return nil
		}
	}
	if len(text) == 0 {
		*m = Auto
		return nil
	}
	return fmt.Errorf("%q is unknown: use auto, required or off", text)
}
