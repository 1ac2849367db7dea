//go:build unix

package shared_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver/quota"
	"github.com/portico-ftp/portico/internal/redistest"
)

// counting is a replica whose alice has a quota.
type counting struct {
	t     *testing.T
	state replica
	store *quota.Store
	fs    afero.Fs
}

func newCounting(t *testing.T, redis *redistest.Server, storage afero.Fs, limits quota.Limits) *counting {
	t.Helper()
	c := &counting{t: t, state: open(t, redis, nil)}
	c.store = quota.OpenShared(c.state.Counts())
	t.Cleanup(func() {
		if err := c.store.Close(); err != nil {
			t.Error(err)
		}
	})
	var err error
	c.fs, err = c.store.Layer(t.Context(), "alice", limits, storage)
	must(t, err)
	return c
}

// write writes a file, in pieces, and says whether the quota refused it. What was
// refused is removed.
func (c *counting) write(name string, size int) (refused bool) {
	c.t.Helper()
	file, err := c.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, quota.ErrExceeded) {
		return true
	}
	if err != nil {
		c.t.Error(err)
		return false
	}
	for written := 0; written < size && err == nil; written += 1000 {
		_, err = file.Write(make([]byte, min(1000, size-written)))
	}
	closed := file.Close()
	if closed != nil || err != nil && !errors.Is(err, quota.ErrExceeded) {
		c.t.Error(errors.Join(err, closed))
	}
	if err != nil {
		c.remove(name)
	}
	return err != nil
}

func (c *counting) remove(name string) {
	c.t.Helper()
	if err := c.fs.Remove(name); err != nil {
		c.t.Error(err)
	}
}

// wantTrue flushes, and compares what Redis counts with what is there.
func wantTrue(t *testing.T, redis *redistest.Server, storage afero.Fs, replicas ...*counting) {
	t.Helper()
	for _, c := range replicas {
		must(t, c.store.Flush())
	}
	var bytes, files int64
	must(t, afero.Walk(storage, "/", func(name string, info os.FileInfo, err error) error {
		if err == nil && name != "/" {
			files++
			bytes += info.Size() * int64(min(1, len(name))) * btoi(!info.IsDir())
		}
		return err
	}))
	got := redis.Client().HMGet(t.Context(), "portico:quota:alice", "bytes", "files").Val()
	if fmt.Sprint(got) != fmt.Sprintf("[%d %d]", bytes, files) {
		t.Errorf("Redis counts %v, there are %d bytes in %d files", got, bytes, files)
	}
}

func btoi(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func TestQuotasHoldOnAllReplicas(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	storage := afero.NewMemMapFs()
	must(t, afero.WriteFile(storage, "/before", make([]byte, 10_000), 0o644))
	limits := quota.Limits{Bytes: 50_000, Files: 5}
	a, b := newCounting(t, redis, storage, limits), newCounting(t, redis, storage, limits)
	steps := []struct {
		what    string
		refused bool
		want    bool
	}{
		{"20,000 bytes", a.write("/1", 20_000), false},
		{"20,000 bytes elsewhere", b.write("/2", 20_000), false},
		{"a byte more than the limit", a.write("/3", 1), true},
		{"a byte more elsewhere", b.write("/3", 1), true},
	}
	a.remove("/1")
	must(t, a.store.Flush())
	steps = append(steps, []struct {
		what    string
		refused bool
		want    bool
	}{
		{"what was removed elsewhere", b.write("/4", 20_000), false},
		{"an empty file", a.write("/5", 0), false},
		{"another", b.write("/6", 0), false},
		{"a file more than the limit", a.write("/7", 0), true},
	}...)
	for _, step := range steps {
		if step.refused != step.want {
			t.Errorf("%s: refused %v, want %v", step.what, step.refused, step.want)
		}
	}
	wantTrue(t, redis, storage, a, b)
}

// Whatever replicas do at one time, the limit holds and the count is right.
func TestQuotasRace(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	storage := afero.NewMemMapFs()
	limits := quota.Limits{Bytes: 300_000, Files: 60}
	var replicas []*counting
	var clients sync.WaitGroup
	for r := range 3 {
		c := newCounting(t, redis, storage, limits)
		replicas = append(replicas, c)
		for client := range 2 {
			clients.Go(func() {
				for i := range 60 {
					name := fmt.Sprintf("/%d-%d-%d", r, client, i)
					if !c.write(name, rand.IntN(20_000)) && rand.IntN(2) == 0 {
						c.remove(name)
					}
				}
			})
		}
	}
	clients.Wait()
	wantTrue(t, redis, storage, replicas...)
	count, err := replicas[0].state.Counts().Count("alice")
	if err != nil || count.Bytes > limits.Bytes || count.Files > limits.Files || count.Files == 0 {
		t.Errorf("%+v, %v: past the limits %+v", count, err, limits)
	}
}

// Without Redis each counts on, and when it is back, empty, it learns everything.
func TestQuotasOutliveRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	storage := afero.NewMemMapFs()
	limits := quota.Limits{Bytes: 50_000}
	a, b := newCounting(t, redis, storage, limits), newCounting(t, redis, storage, limits)
	a.write("/1", 20_000)
	must(t, a.store.Flush())
	if _, err := b.fs.(interface {
		AvailableSpace(string) (int64, error)
	}).AvailableSpace("/"); err != nil {
		t.Fatal(err)
	}
	redis.Stop()
	if a.write("/2", 10_000) || b.write("/3", 10_000) {
		t.Error("refused within the limit, without Redis")
	}
	if !b.write("/4", 25_000) {
		t.Error("what is known here was passed")
	}
	redis.Start()
	for _, c := range []*counting{a, b} {
		c.state.waitUntilHere(t, true)
	}
	wantTrue(t, redis, storage, a, b)
	if !a.write("/5", 15_000) || b.write("/5", 10_000) {
		t.Error("the limit of all does not hold again")
	}
	wantTrue(t, redis, storage, a, b)
}

// A change that Redis makes though nobody hears of it counts once.
func TestAnswersThatGetLostCountOnce(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	storage := afero.NewMemMapFs()
	a := &counting{t: t, state: open(t, redis, hasty)}
	a.store = quota.OpenShared(a.state.Counts())
	var err error
	a.fs, err = a.store.Layer(t.Context(), "alice", quota.Limits{Bytes: 1_000_000}, storage)
	must(t, err)
	for i := range 3 {
		a.state.waitUntilHere(t, true)
		redis.Hang()
		a.write(fmt.Sprint("/", i), 10_000)
		redis.Resume()
		a.write(fmt.Sprint("/after", i), 10_000)
	}
	a.state.waitUntilHere(t, true)
	waitFor(t, "everything to be told", func() bool {
		must(t, a.store.Flush())
		count, _ := a.state.Counts().Count("alice")
		return count.Usage == quota.Usage{Bytes: 60_000, Files: 6}
	})
	must(t, a.store.Close())
	wantTrue(t, redis, storage)
	if fields := redis.Client().HLen(t.Context(), "portico:quota:alice").Val(); fields != 3 {
		t.Errorf("%d fields are left", fields)
	}
}

func TestRecountTogether(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	storage := afero.NewMemMapFs()
	a, b := newCounting(t, redis, storage, quota.Limits{Bytes: 50_000}), newCounting(t, redis, storage, quota.Limits{Bytes: 50_000})
	a.write("/1", 10_000)
	must(t, a.store.Flush())
	must(t, afero.WriteFile(storage, "/unseen", make([]byte, 20_000), 0o644))
	usage, err := b.store.Recount(t.Context(), "alice", storage)
	if err != nil || usage.Bytes != 30_000 {
		t.Errorf("counted %+v, %v", usage, err)
	}
	if !a.write("/2", 25_000) || a.write("/2", 15_000) {
		t.Error("the other replica does not go by the new count")
	}
	wantTrue(t, redis, storage, a, b)
}

// What is no count under our key does not stop anybody, nor other accounts.
func TestCountsThatAreNone(t *testing.T) {
	t.Parallel()
	for name, break_ := range map[string][]any{
		"another type":  {"set", "portico:quota:alice", "x"},
		"no numbers":    {"hset", "portico:quota:alice", "bytes", "x", "files", "y"},
		"half of it":    {"hset", "portico:quota:alice", "bytes", "7"},
		"another field": {"hset", "portico:quota:alice", "by x", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t, "")
			command(break_...)(t, redis)
			a := newCounting(t, redis, afero.NewMemMapFs(), quota.Limits{Bytes: 20_000})
			if a.write("/1", 10_000) || !a.write("/2", 15_000) {
				t.Error("the limit does not hold")
			}
			if !a.state.Status().Here || len(a.state.warnings()) > 1 {
				t.Errorf("here: %v, warnings: %v", a.state.Status().Here, a.state.warnings())
			}
			redis.Client().Del(t.Context(), "portico:quota:alice")
		})
	}
}
