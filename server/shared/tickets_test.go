//go:build unix

package shared_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/portico-ftp/portico/internal/redistest"
	"github.com/portico-ftp/portico/server/shared"
)

// keyring is the keys that a replica was last told of.
type keyring struct {
	mu   sync.Mutex // guards keys
	keys [][32]byte
}

func (k *keyring) set(keys [][32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = keys
}

func (k *keyring) newest() (key [32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) > 0 {
		key = k.keys[0]
	}
	return key
}

func openWithSecret(t *testing.T, redis *redistest.Server, secret string) (replica, *keyring) {
	t.Helper()
	r, keys := open(t, redis, func(o *shared.Options) { o.Secret = []byte(secret) }), &keyring{}
	r.FollowTicketKeys(keys.set)
	return r, keys
}

const secret = "a secret of all servers"

func TestReplicasHaveTheSameTicketKeys(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	_, a := openWithSecret(t, redis, secret)
	_, b := openWithSecret(t, redis, secret)
	first := a.newest()
	if first == [32]byte{} || first != b.newest() {
		t.Fatalf("the keys are %x and %x", first, b.newest())
	}
	// The key becomes a day older.
	client := redis.Client()
	entry := client.LIndex(t.Context(), "portico:tickets", 0).Val()
	_, text, _ := strings.Cut(entry, ":")
	must(t, client.LSet(t.Context(), "portico:tickets", 0, "1000:"+text).Err())
	waitFor(t, "a new key at both", func() bool { return a.newest() != first && a.newest() == b.newest() })
	if len(a.keys) != 2 || a.keys[1] != first {
		t.Errorf("there are %d keys, and the old one is not kept", len(a.keys))
	}
	// Redis loses everything: there are new keys.
	second := a.newest()
	must(t, client.FlushAll(t.Context()).Err())
	waitFor(t, "another key at both", func() bool { return a.newest() != second && a.newest() == b.newest() })
}

func TestTicketKeysAreSecret(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	_, a := openWithSecret(t, redis, secret)
	key := a.newest()
	if text := redis.Client().LIndex(t.Context(), "portico:tickets", 0).Val(); strings.Contains(text, string(key[:])) || len(text) < 60 {
		t.Errorf("Redis has %q", text)
	}
	stranger, keys := openWithSecret(t, redis, "another secret, of others")
	if keys.newest() != [32]byte{} || len(stranger.warnings()) != 1 {
		t.Errorf("a server with another secret has %x, warnings: %v", keys.newest(), stranger.warnings())
	}
	without := &keyring{}
	open(t, redis, nil).FollowTicketKeys(without.set)
	if without.newest() != [32]byte{} {
		t.Error("a server without the secret has keys")
	}
}

func TestTicketKeysThatAreNone(t *testing.T) {
	t.Parallel()
	for name, break_ := range map[string][]any{
		"another type": {"set", "portico:tickets", "x"},
		"no key":       {"lpush", "portico:tickets", "9999999999:x"},
		"no time":      {"lpush", "portico:tickets", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t, "")
			command(break_...)(t, redis)
			a, keys := openWithSecret(t, redis, secret)
			if !a.Status().Here || len(a.warnings()) != 1 {
				t.Errorf("here: %v, warnings: %v", a.Status().Here, a.warnings())
			}
			command("del", "portico:tickets")(t, redis)
			waitFor(t, "a key", func() bool { return keys.newest() != [32]byte{} })
		})
	}
}
