package server

import (
	"crypto/tls"
	"net/netip"
	"sync/atomic"
	"time"
)

// Direction says which way the bytes of a transfer go. Text form: "upload",
// "download", "listing" or "none".
type Direction uint8

const (
	// DirectionUpload: from the client (STOR, STOU, APPE).
	DirectionUpload Direction = iota
	// DirectionDownload: to the client (RETR).
	DirectionDownload
	// DirectionListing: to the client, but not of a file (LIST, NLST, MLSD).
	DirectionListing
	// DirectionNone: within the server (HASH, SITE CPTO).
	DirectionNone
)

var directionNames = enumNames{"upload", "download", "listing", "none"}

// String returns the text form.
func (d Direction) String() string { return directionNames.text(int(d)) }

// MarshalText implements encoding.TextMarshaler.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Direction) UnmarshalText(text []byte) error {
	n, err := directionNames.value(text)
	*d = Direction(n)
	return err
}

func (t *transfer) direction() Direction {
	switch {
	case t.isJob:
		return DirectionNone
	case t.listing != nil:
		return DirectionListing
	case t.command.verb == "RETR":
		return DirectionDownload
	default:
		return DirectionUpload
	}
}

// TransferEvent tells of one transfer that has ended, well or not. Listings are
// transfers, too.
type TransferEvent struct {
	// Time is when it ended.
	Time time.Time
	// SessionID is unique within the server's life.
	SessionID uint64
	// User is the name of the account, Host that of the virtual host.
	User, Host string
	// Client is the other end of the control connection.
	Client netip.AddrPort
	// Verb is the command that began it; Path the FTP path of the file or
	// directory.
	Verb, Path string
	// Direction says which way the bytes went.
	Direction Direction
	// Mode is "passive" or "active", empty if it failed before a data connection
	// was asked for.
	Mode string
	// Port is this end's port of the data connection, 0 if there was none.
	Port uint16
	// TLS says that the data connection was to be encrypted.
	TLS bool
	// ASCII says that lines were converted (TYPE A).
	ASCII bool
	// Code is the code of the final reply.
	Code int
	// Aborted says that the client, or the end of its session, cut it short.
	Aborted bool
	// Offset is where in the file it began, Bytes how much was moved from there.
	Offset, Bytes int64
	// Duration is the time from the command to the end.
	Duration time.Duration
}

// tell tells the embedder of a transfer that has ended.
func (t *transfer) tell(code int) {
	s := t.session
	hook := s.opts.OnTransfer
	if hook == nil {
		return
	}
	e := TransferEvent{
		Time: time.Now(), SessionID: s.id, User: s.account.Name, Client: s.client, Verb: t.command.verb, Path: t.path,
		Direction: t.direction(), TLS: s.protectedData, ASCII: t.form.ascii, Code: code, Aborted: code >= 400 && t.ctx.Err() != nil,
		Offset: t.offset,
	}
	e.Duration = e.Time.Sub(t.started)
	if s.host != nil {
		e.Host = s.host.Name
	}
	t.mu.Lock()
	e.Mode = t.mode
	t.mu.Unlock()
	if conn := t.dataConn(); conn != nil {
		e.Bytes, e.Port, e.TLS = conn.bytes(), conn.localPort(), conn.encrypted
	}
	hook(e)
}

// traffic counts bytes by Direction. It learns of them when a transfer ends and
// when it is asked, so that moving them costs nothing.
type traffic [DirectionListing + 1]atomic.Uint64

// count adds what a transfer has moved since it was counted last.
func (c *traffic) count(t *transfer) {
	if t.isJob {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return
	}
	moved := t.conn.bytes()
	c[t.direction()].Add(uint64(moved - t.counted))
	t.counted = moved
}

// Channel is one of the two kinds of connection of FTP. Text form: "control" or
// "data".
type Channel uint8

const (
	// ChannelControl is the control connection.
	ChannelControl Channel = iota
	// ChannelData are the data connections.
	ChannelData
)

// String returns the text form.
func (c Channel) String() string { return enumNames{"control", "data"}.text(int(c)) }

// handshakes counts TLS handshakes that succeeded.
type handshakes [ChannelData + 1][2]atomic.Uint64

// TLSHandshakes are how many TLS handshakes have succeeded.
type TLSHandshakes struct {
	// TLS12 and TLS13 are by version.
	TLS12, TLS13 uint64
}

func (h *handshakes) count(channel Channel, version uint16) {
	if version >= tls.VersionTLS13 {
		h[channel][1].Add(1)
	} else {
		h[channel][0].Add(1)
	}
}

func (h *handshakes) totals() (totals [ChannelData + 1]TLSHandshakes) {
	for channel := range h {
		totals[channel] = TLSHandshakes{TLS12: h[channel][0].Load(), TLS13: h[channel][1].Load()}
	}
	return totals
}
