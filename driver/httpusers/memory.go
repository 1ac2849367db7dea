package httpusers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"github.com/portico-ftp/portico/driver"
)

// memory remembers for a while whom the server has let in, and what was asked.
// It keeps no password, only an HMAC of the question under a key that dies with
// it.
type memory struct {
	lifetime time.Duration
	key      [32]byte

	mu    sync.Mutex
	known map[questionDigest]remembered // mostRemembered at the most; guarded by mu
}

// questionDigest stands for everything that the server was told, but for the
// client's port: what it answers may depend on each.
type questionDigest [sha256.Size]byte

type remembered struct {
	user  *driver.User
	until time.Time
}

// mostRemembered bounds the answers that are remembered at one time.
const mostRemembered = 4096

func newMemory(lifetime time.Duration) *memory {
	m := &memory{lifetime: lifetime, known: make(map[questionDigest]remembered)}
	_, _ = rand.Read(m.key[:]) // never fails, as its documentation says
	return m
}

// get returns what is remembered, or else asks.
func (m *memory) get(question Question, ask func() (*driver.User, error)) (*driver.User, error) {
	if m.lifetime <= 0 {
		return ask()
	}
	digest, err := m.digest(question)
	if err != nil {
		return nil, err
	}
	if user, ok := m.look(digest, time.Now()); ok {
		return user, nil
	}
	// The answer is as old as the question.
	until := time.Now().Add(m.lifetime)
	user, err := ask()
	if err == nil {
		m.remember(digest, remembered{user, until})
	}
	return user, err
}

func (m *memory) digest(question Question) (questionDigest, error) {
	text, err := json.Marshal(question.withoutPort())
	if err != nil {
		return questionDigest{}, err
	}
	mac := hmac.New(sha256.New, m.key[:])
	mac.Write(text)
	return questionDigest(mac.Sum(nil)), nil
}

func (m *memory) look(digest questionDigest, now time.Time) (*driver.User, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, ok := m.known[digest]
	if ok && !now.Before(answer.until) {
		delete(m.known, digest)
		return nil, false
	}
	return answer.user, ok
}

// remember drops what has expired if there is no room, and if that is nothing,
// any one.
func (m *memory) remember(digest questionDigest, answer remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= mostRemembered {
		now := time.Now()
		for other, answer := range m.known {
			if !now.Before(answer.until) {
				delete(m.known, other)
			}
		}
	}
	for other := range m.known {
		if len(m.known) < mostRemembered {
			break
		}
		delete(m.known, other)
	}
	m.known[digest] = answer
}
