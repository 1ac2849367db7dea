package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/portico-ftp/portico/driver/quota"
	"github.com/portico-ftp/portico/portalloc"
)

// message is what two servers tell each other while one takes the other's place.
type message struct {
	// Of the older one: the ports that it accepts data connections on, and those
	// of them on which it does no longer. When the channel ends, all are.
	Held portalloc.PortList `json:"held,omitempty"`
	Gone portalloc.PortList `json:"gone,omitempty"`
	// And what its sessions have changed of quotas, by account.
	Quotas map[string]quota.Usage `json:"quotas,omitempty"`
	// Of the younger one: it serves, or it has failed and why.
	Ready  bool   `json:"ready,omitempty"`
	Failed string `json:"failed,omitempty"`
}

// channel carries messages. It is safe for concurrent use by one reader and any
// number of writers.
type channel struct {
	conn net.Conn
	from *json.Decoder

	mu sync.Mutex // keeps messages whole
	to *json.Encoder
}

func newChannel(conn net.Conn) *channel {
	return &channel{conn: conn, from: json.NewDecoder(conn), to: json.NewEncoder(conn)}
}

func (c *channel) send(m message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.to.Encode(m)
}

// receive returns io.EOF when the other side has ended.
func (c *channel) receive() (message, error) {
	var m message
	err := c.from.Decode(&m)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return m, err
}
