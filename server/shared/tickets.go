package shared

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ticketKeys are the keys of TLS session tickets that all replicas have. They are
// a list in Redis, the newest first, each with the time at which it was made, by
// the clock of Redis, and encrypted under a secret that Redis does not know.
type ticketKeys struct {
	state  *State
	seal   cipher.AEAD // nil: they are not shared
	follow func(keys [][32]byte)
	known  [][32]byte // guarded by State.mu, as follow is
}

const (
	partTickets = "ticket keys"
	// ticketKeyLife is how long a key makes tickets. The one before it still opens
	// them.
	ticketKeyLife = 24 * time.Hour
	leastSecret   = 16
)

// ticketsScript answers with whether a new key is due, and the keys. Given a new
// one, it puts it in if it is due.
var ticketsScript = redis.NewScript(`
local now = tonumber(redis.call('TIME')[1])
local made = tonumber(string.match(redis.call('LINDEX', KEYS[1], 0) or '', '^(%d+):') or '')
local due = not made or now - made >= tonumber(ARGV[2])
if due and ARGV[1] ~= '' then
	redis.call('LPUSH', KEYS[1], string.format('%.0f', now) .. ':' .. ARGV[1])
	redis.call('LTRIM', KEYS[1], 0, 1)
	redis.call('EXPIRE', KEYS[1], 3 * tonumber(ARGV[2]))
	due = false
end
local answer = redis.call('LRANGE', KEYS[1], 0, 1)
table.insert(answer, 1, due and 'due' or '')
return answer`)

func newTicketKeys(s *State) (*ticketKeys, error) {
	t := &ticketKeys{state: s}
	if len(s.opts.Secret) == 0 {
		return t, nil
	}
	key, err := hkdf.Key(sha256.New, s.opts.Secret, nil, "portico: keys of TLS session tickets", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	t.seal, err = cipher.NewGCMWithRandomNonce(block)
	return t, err
}

// FollowTicketKeys has set called with the keys of TLS session tickets that all
// replicas have, the newest first: now if they are known, and whenever they
// change, by one goroutine at a time. It is made for server.Server.SetTicketKeys.
// Without Options.Secret it is never called.
func (s *State) FollowTicketKeys(set func(keys [][32]byte)) {
	s.mu.Lock()
	s.tickets.follow = set
	known := s.tickets.known
	s.mu.Unlock()
	if len(known) > 0 {
		set(known)
	}
}

// update learns the keys, and makes a new one when its time has come.
func (t *ticketKeys) update() {
	if t.seal == nil {
		return
	}
	answer, err := t.ask("")
	if err == nil && answer[0] != "" {
		fresh := make([]byte, 32)
		rand.Read(fresh)
		answer, err = t.ask(base64.StdEncoding.EncodeToString(t.seal.Seal(nil, nil, fresh, t.name())))
	}
	if err != nil {
		return
	}
	keys, err := t.open(answer[1:])
	if err != nil {
		t.state.complain(partTickets, err)
		return
	}
	t.state.mu.Lock()
	news := !slices.Equal(keys, t.known)
	t.known = keys
	set := t.follow
	t.state.mu.Unlock()
	if news && set != nil {
		set(keys)
	}
}

// name binds a key to where it stands.
func (t *ticketKeys) name() []byte { return []byte(t.state.key("tickets")) }

func (t *ticketKeys) ask(fresh string) (answer []string, err error) {
	err = t.state.ask(partTickets, func(ctx context.Context) (err error) {
		answer, err = ticketsScript.Run(ctx, t.state.redis, []string{t.state.key("tickets")}, fresh, int(ticketKeyLife.Seconds())).StringSlice()
		return err
	})
	return answer, err
}

func (t *ticketKeys) open(entries []string) ([][32]byte, error) {
	var keys [][32]byte
	for _, entry := range entries {
		_, text, _ := strings.Cut(entry, ":")
		sealed, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("shared: a key in Redis is none: %w", err)
		}
		key, err := t.seal.Open(nil, nil, sealed, t.name())
		if err != nil || len(key) != 32 {
			return nil, errors.New("shared: a key in Redis was encrypted under another secret: give all servers the same")
		}
		keys = append(keys, [32]byte(key))
	}
	return keys, nil
}
