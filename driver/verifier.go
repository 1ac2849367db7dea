package driver

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// verifier keeps password hashing affordable: it remembers for a while which
// pairs of name and password were right, lets attempts with one pair that come
// at the same time share one computation, and bounds how many run at once.
//
// It keeps no password, only an HMAC under a key that dies with it. A wrong
// password is never remembered, so guesses cost a computation each.
type verifier struct {
	key      [32]byte
	lifetime time.Duration
	queue    *hashQueue

	mu      sync.Mutex
	right   map[pairDigest]time.Time // until when; guarded by mu
	running map[attemptKey]*hashing  // guarded by mu
}

// pairDigest stands for a name and a password.
type pairDigest [sha256.Size]byte

// attemptKey stands for a pair that a client tries. Clients do not share a
// computation: one would wait for the turn of the other.
type attemptKey struct {
	pairDigest
	client netip.Addr
}

// hashing is one computation. ok and err are set before done is closed.
type hashing struct {
	done chan struct{}
	ok   bool
	err  error
}

// maxRemembered bounds the pairs that are remembered at one time.
const maxRemembered = 4096

// errUnfinished is what those who wait see of a computation that panicked.
var errUnfinished = errors.New("driver: password hashing did not finish")

func newVerifier(lifetime time.Duration, atOnce int) *verifier {
	v := &verifier{
		lifetime: lifetime,
		queue:    newHashQueue(atOnce),
		right:    make(map[pairDigest]time.Time),
		running:  make(map[attemptKey]*hashing),
	}
	_, _ = rand.Read(v.key[:]) // never fails, as its documentation says
	return v
}

// verify reports whether match accepts the password of name, which a client
// tries. It returns TooManyAttempts where too many wait or it has waited too long,
// and ctx's error soon after ctx is cancelled, except while it computes itself,
// which a bound on the hash keeps short.
func (v *verifier) verify(ctx context.Context, client netip.Addr, name, password string, match func(string) bool) (bool, error) {
	pair := attemptKey{v.digest(name, password), client}
	for {
		known, theirs, ours := v.look(pair)
		switch {
		case known:
			return true, nil
		case ours != nil:
			return v.compute(ctx, pair, ours, func() bool { return match(password) })
		}
		select {
		case <-theirs.done:
		case <-ctx.Done():
			return false, givenUp(ctx)
		}
		if theirs.err == nil {
			return theirs.ok, nil
		}
		// Their client went away while they queued for a slot: our turn.
	}
}

// remembers says whether the password was right a while ago.
func (v *verifier) remembers(name, password string) bool {
	pair := v.digest(name, password)
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.isRightLocked(pair)
}

// look finds what is known about a pair: that it is right, or a computation
// that runs already, or a new one that the caller has to run.
func (v *verifier) look(pair attemptKey) (known bool, theirs, ours *hashing) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.isRightLocked(pair.pairDigest) {
		return true, nil, nil
	}
	if running, ok := v.running[pair]; ok {
		return false, running, nil
	}
	ours = &hashing{done: make(chan struct{}), err: errUnfinished}
	v.running[pair] = ours
	return false, nil, ours
}

func (v *verifier) isRightLocked(pair pairDigest) bool {
	until, ok := v.right[pair]
	return ok && time.Now().Before(until)
}

// compute runs on the goroutine of the attempt that came first, so that it
// needs no owner of its own and a queue of attempts shrinks when clients leave.
func (v *verifier) compute(ctx context.Context, pair attemptKey, ours *hashing, match func() bool) (bool, error) {
	defer v.finish(pair, ours)
	if err := v.queue.enter(ctx, pair.client); err != nil {
		ours.err = err
		return false, err
	}
	defer func() { v.queue.leave(pair.client, ours.ok) }()
	if v.isRight(pair.pairDigest) { // another client was faster
		ours.ok, ours.err = true, nil
		return true, nil
	}
	ours.ok, ours.err = match(), nil
	return ours.ok, nil
}

func (v *verifier) isRight(pair pairDigest) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.isRightLocked(pair)
}

func (v *verifier) finish(pair attemptKey, ours *hashing) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.running, pair)
	if ours.ok && v.lifetime > 0 {
		v.makeRoomLocked()
		v.right[pair.pairDigest] = time.Now().Add(v.lifetime)
	}
	close(ours.done)
}

// makeRoomLocked drops what has expired and, if that is nothing, any one pair.
func (v *verifier) makeRoomLocked() {
	if len(v.right) < maxRemembered {
		return
	}
	now := time.Now()
	for pair, until := range v.right {
		if !now.Before(until) {
			delete(v.right, pair)
		}
	}
	for pair := range v.right {
		if len(v.right) < maxRemembered {
			return
		}
		delete(v.right, pair)
	}
}

// digest writes the length first, so that no two pairs run together.
func (v *verifier) digest(name, password string) pairDigest {
	mac := hmac.New(sha256.New, v.key[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name))))
	mac.Write([]byte(name))
	mac.Write([]byte(password))
	return pairDigest(mac.Sum(nil))
}
