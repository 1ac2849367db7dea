package confine

import (
	"fmt"
	"strings"
)

// State is how far a process is confined, or could be.
type State struct {
	// Mode is what was asked for.
	Mode Mode `json:"mode"`
	// NoNewPrivileges: no program that is started gains rights.
	NoNewPrivileges bool `json:"no_new_privileges"`
	// LandlockABI is the level of Landlock in the kernel. 0: none.
	LandlockABI int `json:"landlock_abi"`
	// Files: those that are not needed can be neither read nor written.
	Files bool `json:"files"`
	// Ports: TCP ports that are not needed can be neither bound nor connected
	// to, but see Open.
	Ports bool `json:"tcp_ports"`
	// SystemCalls: those that are not needed are refused, and with them the
	// kinds of sockets that Ports would not see.
	SystemCalls bool `json:"system_calls"`
	// Missing says what the system cannot confine, and why.
	Missing []string `json:"missing,omitempty"`
	// Open says what the needs leave open.
	Open []string `json:"open,omitempty"`

	rules *rules // nil: no file and no port is confined
}

// Level is a State in one word.
type Level string

// The levels.
const (
	LevelFull    Level = "full"    // all that this package knows of
	LevelPartial Level = "partial" // some of it
	LevelNone    Level = "none"
)

// Level returns how much of what this package can confine is confined.
func (s State) Level() Level {
	switch {
	case !s.NoNewPrivileges && !s.Files && !s.SystemCalls:
		return LevelNone
	case len(s.Missing) > 0:
		return LevelPartial
	default:
		return LevelFull
	}
}

// sufficient says whether Required is content.
func (s State) sufficient() bool {
	return s.NoNewPrivileges && s.Files && s.Ports && s.SystemCalls
}

// String is the state in a sentence.
func (s State) String() string {
	if s.Mode == Off {
		return "off"
	}
	var parts []string
	for _, part := range []struct {
		confined bool
		name     string
	}{{s.NoNewPrivileges, "no_new_privs"}, {s.Files, "files"}, {s.Ports, "TCP ports"}, {s.SystemCalls, "system calls"}} {
		if part.confined {
			parts = append(parts, part.name)
		}
	}
	text := "nothing is confined"
	if len(parts) > 0 {
		text = "confined: " + strings.Join(parts, ", ")
	}
	if s.LandlockABI > 0 {
		text += fmt.Sprintf(" (Landlock ABI %d)", s.LandlockABI)
	}
	for _, open := range s.Open {
		text += "; " + open
	}
	for _, missing := range s.Missing {
		text += "; missing: " + missing
	}
	return text
}
