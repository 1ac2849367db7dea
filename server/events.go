package server

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/portico-ftp/portico/driver"
)

// EventKind says what has happened. Its text form is the one in hooks.
type EventKind uint8

const (
	// EventLogin: a user has logged in ("login").
	EventLogin EventKind = iota
	// EventUpload: a file has arrived whole ("upload").
	EventUpload
	// EventUploadInterrupted: an upload has begun and not come to its end
	// ("upload_interrupted").
	EventUploadInterrupted
	// EventDownload: a file has been sent whole ("download").
	EventDownload
	// EventDownloadInterrupted: a download has begun and not come to its end
	// ("download_interrupted").
	EventDownloadInterrupted
	// EventDelete: a file or directory is gone ("delete").
	EventDelete
	// EventRename: a file or directory has another name ("rename").
	EventRename
	// EventMkdir: a directory was made ("mkdir").
	EventMkdir
)

func eventNames() []string {
	return []string{"login", "upload", "upload_interrupted", "download", "download_interrupted", "delete", "rename", "mkdir"}
}

// String returns the text form.
func (k EventKind) String() string {
	if names := eventNames(); int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("unknown (%d)", int(k))
}

// MarshalText implements encoding.TextMarshaler.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *EventKind) UnmarshalText(text []byte) error {
	i := slices.Index(eventNames(), string(text))
	if i < 0 {
		return fmt.Errorf("%q is no event: use %v", text, eventNames())
	}
	*k = EventKind(i)
	return nil
}

// Event tells of something that a session has done.
type Event struct {
	// Kind is what it was.
	Kind EventKind `json:"event"`
	// Time is when it was done.
	Time time.Time `json:"time"`
	// SessionID is unique within the server's life.
	SessionID uint64 `json:"session_id"`
	// User is the name of the account.
	User string `json:"user"`
	// Host is the name of the virtual host, empty for the server itself: two
	// hosts may have users of one name.
	Host string `json:"host,omitempty"`
	// Client is the other end of the control connection.
	Client netip.AddrPort `json:"client"`
	// TLS says that the control connection is encrypted.
	TLS bool `json:"tls"`
	// Anonymous says that User is an anonymous account, and Contact is the
	// e-mail address that the client has given as its password, if any.
	Anonymous bool   `json:"anonymous,omitempty"`
	Contact   string `json:"contact,omitempty"`
	// Command is the FTP command that did it ("STOR", "SITE RMDIR"), and Code
	// the code of its reply. Both are empty for a login.
	Command string `json:"command,omitempty"`
	Code    int    `json:"code,omitempty"`
	// Path is the FTP path that it was done to, empty for a login.
	Path string `json:"path,omitempty"`
	// Target is the new path of EventRename.
	Target string `json:"target,omitempty"`
	// File and TargetFile are where Path and Target are on the server's own
	// disk, as absolute paths. Symbolic links in them are as they are. Empty:
	// the storage is no directory (memory, an overlay, object storage). Nothing,
	// or an old file, is at that of EventUploadInterrupted.
	File       string `json:"file,omitempty"`
	TargetFile string `json:"target_file,omitempty"`
	// Bytes is how many bytes a transfer has moved.
	Bytes int64 `json:"bytes,omitempty"`
	// ASCII says that a transfer was one of text (TYPE A), whose bytes on the way
	// are others than in the file.
	ASCII bool `json:"ascii,omitempty"`
	// Duration is how long a transfer took.
	Duration time.Duration `json:"duration_ns,omitempty"`
}

// emit tells the embedder of an event; the caller has filled in what is
// special about it.
func (s *session) emit(e Event) {
	hook := s.opts.OnEvent
	if hook == nil || s.account == nil {
		return
	}
	e.Time, e.SessionID, e.User = time.Now(), s.id, s.account.Name
	e.Client, e.TLS = s.client, s.control.isEncrypted()
	e.Anonymous, e.Contact = s.account.Anonymous, s.account.Contact
	if s.host != nil {
		e.Host = s.host.Name
	}
	e.File, e.TargetFile = s.diskPath(e.Path), s.diskPath(e.Target)
	hook(e)
}

// diskPath is where an FTP path is on this machine, empty if nowhere.
func (s *session) diskPath(path string) string {
	if path == "" {
		return ""
	}
	at, err := driver.DiskPath(s.files, path)
	if err != nil {
		return ""
	}
	return at
}

// emit tells of a transfer of a file that has ended.
func (t *transfer) emit(code int) {
	conn := t.dataConn()
	if t.listing != nil || conn == nil {
		return
	}
	e := Event{
		Path: t.path, Bytes: conn.bytes(), ASCII: t.form.ascii, Duration: time.Since(t.started),
		Command: t.command.verb, Code: code,
	}
	switch done, sent := code < 400, t.command.verb == "RETR"; {
	case sent && done:
		e.Kind = EventDownload
	case sent:
		e.Kind = EventDownloadInterrupted
	case done:
		e.Kind = EventUpload
	default:
		e.Kind = EventUploadInterrupted
	}
	t.session.emit(e)
}
