package driver

import (
	"fmt"
	"net/netip"
	"time"
)

// EventKind says what has happened. Text form: "upload", "upload_interrupted",
// "download", "download_interrupted", "delete", "rename", "mkdir", "login".
type EventKind uint8

// The kinds.
const (
	// EventUpload is a complete upload: the file is there.
	EventUpload EventKind = iota
	// EventUploadInterrupted is an upload that is not complete.
	EventUploadInterrupted
	// EventDownload is a complete download, as far as the server can tell.
	EventDownload
	// EventDownloadInterrupted is a download that is not complete.
	EventDownloadInterrupted
	// EventDelete is a file, or a directory with all in it, that was removed.
	EventDelete
	// EventRename is a file or a directory that has a new name.
	EventRename
	// EventMkdir is a directory that was made.
	EventMkdir
	// EventLogin is an account that was opened.
	EventLogin
)

// String returns the text form.
func (k EventKind) String() string {
	switch k {
	case EventUpload:
		return "upload"
	case EventUploadInterrupted:
		return "upload_interrupted"
	case EventDownload:
		return "download"
	case EventDownloadInterrupted:
		return "download_interrupted"
	case EventDelete:
		return "delete"
	case EventRename:
		return "rename"
	case EventMkdir:
		return "mkdir"
	case EventLogin:
		return "login"
	default:
		return fmt.Sprintf("EventKind(%d)", uint8(k))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Actor is who does something.
type Actor struct {
	// User is the account's name.
	User string
	// Client is the client's end of the control connection. Zero: not known.
	Client netip.AddrPort
}

// Event is something that has been done to a user's files.
type Event struct {
	Kind EventKind
	Actor
	// Time is when it was done, of transfers when they ended.
	Time time.Time
	// Path is the file or directory, as the client sees it. Empty for
	// EventLogin.
	Path string
	// NewPath is the new name, for EventRename alone.
	NewPath string
	// Bytes is how many bytes were moved, Duration how long it took from the
	// opening of the file. Both are for transfers alone.
	Bytes    int64
	Duration time.Duration
	// Err says why a transfer was interrupted.
	Err error
}

// EventHandler learns what is done.
type EventHandler interface {
	// HandleEvent is called when something is done and before the client learns
	// of it, so it must not take long; what it may do in its own time it should
	// hand over. It is called by several goroutines at the same time.
	HandleEvent(event Event)
}

// EventFunc is a function as an EventHandler.
type EventFunc func(event Event)

// HandleEvent implements EventHandler.
func (f EventFunc) HandleEvent(event Event) { f(event) }
