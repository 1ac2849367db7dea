package driver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counter is a password check that counts how often it is asked.
type counter struct {
	right string
	asked atomic.Int32
}

func (c *counter) match(password string) bool {
	c.asked.Add(1)
	return password == c.right
}

func TestARightPasswordIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, c := newVerifier(time.Minute, 1), &counter{right: "correct"}
		steps := []struct {
			after          time.Duration
			name, password string
			ok             bool
			asked          int32
		}{
			{0, "alice", "correct", true, 1},
			{59 * time.Second, "alice", "correct", true, 1},
			{0, "alice", "wrong", false, 2},
			{0, "alice", "wrong", false, 3},
			{0, "bob", "correct", true, 4},
			{time.Second, "alice", "correct", true, 5},
			{0, "alicec", "orrect", false, 6},
			{0, "alice", "correct", true, 6},
		}
		for i, step := range steps {
			time.Sleep(step.after)
			ok, err := v.verify(t.Context(), netip.Addr{}, step.name, step.password, c.match)
			if ok != step.ok || err != nil || c.asked.Load() != step.asked {
				t.Errorf("step %d: %v, %v, asked %d times; want %+v", i, ok, err, c.asked.Load(), step)
			}
		}
	})
}

func TestNothingIsRememberedWhereThatIsOff(t *testing.T) {
	t.Parallel()
	v, c := newVerifier(-1, 1), &counter{right: "correct"}
	for range 3 {
		if ok, err := v.verify(t.Context(), netip.Addr{}, "alice", "correct", c.match); !ok || err != nil {
			t.Errorf("verify: %v, %v", ok, err)
		}
	}
	if got := c.asked.Load(); got != 3 {
		t.Errorf("asked %d times, want 3", got)
	}
}

func TestAttemptsAtTheSameTimeShareOneHash(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"correct", "wrong"} {
		t.Run(password, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, c := newVerifier(time.Minute, 4), &counter{right: "correct"}
				release := make(chan struct{})
				var clients sync.WaitGroup
				for range 20 {
					clients.Go(func() {
						ok, err := v.verify(t.Context(), netip.Addr{}, "alice", password, func(password string) bool {
							<-release
							return c.match(password)
						})
						if ok != (password == "correct") || err != nil {
							t.Errorf("verify: %v, %v", ok, err)
						}
					})
				}
				synctest.Wait()
				close(release)
				clients.Wait()
				if got := c.asked.Load(); got != 1 {
					t.Errorf("asked %d times, want once", got)
				}
			})
		})
	}
}

func TestHashesComputedAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(time.Minute, 3)
		var running atomic.Int32
		release := make(chan struct{})
		var clients sync.WaitGroup
		for i := range 10 {
			clients.Go(func() {
				_, err := v.verify(t.Context(), netip.Addr{}, fmt.Sprint("user", i), "x", func(string) bool {
					running.Add(1)
					<-release
					return false
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if got := running.Load(); got != 3 {
			t.Errorf("%d run at once, want 3", got)
		}
		close(release)
		clients.Wait()
		if got := running.Load(); got != 10 {
			t.Errorf("%d ran, want 10", got)
		}
	})
}

func TestAnAttemptThatIsGivenUpHandsItsTurnOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, c := newVerifier(time.Minute, 1), &counter{right: "correct"}
		release := make(chan struct{})
		var clients sync.WaitGroup
		clients.Go(func() {
			_, _ = v.verify(t.Context(), netip.Addr{}, "other", "x", func(string) bool { <-release; return false })
		})
		synctest.Wait() // the only slot is taken

		leaving, leave := context.WithCancel(t.Context())
		clients.Go(func() {
			if _, err := v.verify(leaving, netip.Addr{}, "alice", "correct", c.match); !errors.Is(err, context.Canceled) {
				t.Errorf("the first: %v, want context.Canceled", err)
			}
		})
		synctest.Wait() // it queues for the slot
		clients.Go(func() {
			if ok, err := v.verify(t.Context(), netip.Addr{}, "alice", "correct", c.match); !ok || err != nil {
				t.Errorf("the second: %v, %v", ok, err)
			}
		})
		impatient, lose := context.WithTimeout(t.Context(), time.Second)
		defer lose()
		clients.Go(func() {
			if _, err := v.verify(impatient, netip.Addr{}, "alice", "correct", c.match); err != TooManyAttempts {
				t.Errorf("the third: %v, want TooManyAttempts", err)
			}
		})
		synctest.Wait() // both wait for the first
		leave()
		time.Sleep(2 * time.Second) // lets the third's deadline pass
		close(release)
		clients.Wait()
		if got := c.asked.Load(); got != 1 {
			t.Errorf("asked %d times, want once", got)
		}
	})
}

func TestRememberedPasswordsAreBounded(t *testing.T) {
	t.Parallel()
	v := newVerifier(time.Hour, 1)
	for i := range maxRemembered + 10 {
		if _, err := v.verify(t.Context(), netip.Addr{}, fmt.Sprint("user", i), "x", func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(v.right); got != maxRemembered {
		t.Errorf("%d are remembered, want %d", got, maxRemembered)
	}
}

func TestACheckThatPanicsLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	v := newVerifier(time.Minute, 1)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = v.verify(t.Context(), netip.Addr{}, "alice", "x", func(string) bool { panic("broken") })
	}()
	if ok, err := v.verify(t.Context(), netip.Addr{}, "alice", "x", func(string) bool { return true }); !ok || err != nil {
		t.Errorf("verify after a panic: %v, %v", ok, err)
	}
}

// An unknown name must neither be let in by a decoy nor leave a trace of whose
// password was tried.
func TestADecoyAcceptsNothingAndRemembersNothing(t *testing.T) {
	t.Parallel()
	hash, err := HashPassword("correct")
	if err != nil {
		t.Fatal(err)
	}
	users, err := NewUsers([]User{{Name: "alice", PasswordHash: hash, Home: t.TempDir(), Permissions: ReadOnly}}, UsersOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := users.Authenticate(t.Context(), Attempt{User: "eve", Password: "correct"}); !errors.Is(err, ErrDenied) {
			t.Errorf("err = %v, want ErrDenied", err)
		}
	}
	if got := len(users.verifier.right); got != 0 {
		t.Errorf("%d pairs are remembered, want none", got)
	}
}

func TestSessionsOfAUserShareOneRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := &home{dir: dir}
	first, err := h.open()
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.open()
	if err != nil || first != second {
		t.Errorf("second root %p, %v; want %p", second, err, first)
	}
	if err := os.Rename(dir, dir+"-moved"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Rename(dir+"-moved", dir) })
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	third, err := h.open()
	if err != nil || third == first {
		t.Errorf("root after the directory was exchanged: %p, %v; want a new one", third, err)
	}
	if _, err := first.Stat("."); err != nil {
		t.Errorf("the first session's root was closed: %v", err)
	}
}
