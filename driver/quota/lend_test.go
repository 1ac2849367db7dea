package quota_test

import (
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/quota"
)

// changes collects what a store tells.
type changes struct {
	mu  sync.Mutex
	all []change
}

type change struct {
	name string
	by   quota.Usage
}

func (c *changes) add(name string, by quota.Usage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, change{name, by})
}

// pass hands everything on to the store that has the file.
func (c *changes) pass(t *testing.T, to *quota.Store) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, told := range c.all {
		must(t, to.Adjust(told.name, told.by))
	}
	c.all = nil
}

func wantUsage(t *testing.T, store *quota.Store, name string, want quota.Usage) {
	t.Helper()
	if got, known, err := store.Usage(name); err != nil || !known || got != want {
		t.Errorf("usage of %s is %+v (known: %v, %v), want %+v", name, got, known, err, want)
	}
}

func TestTwoProcessesCountTogether(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		older, path := open(t)
		limits := quota.Limits{Bytes: 100, Files: 10}
		before := session(t, older, storage, limits, driver.UploadDirect)
		must(t, send(before, "/a", stor, 0, "12345", nil))
		running, err := before.GetHandle("/running", stor, 0)
		must(t, err)
		_, err = io.WriteString(running, "123")
		must(t, err)

		var told changes
		must(t, older.Lend(told.add))
		younger, err := quota.Open(path, quota.Options{Wait: -1})
		must(t, err)
		t.Cleanup(func() { must(t, younger.Close()) })
		after := session(t, younger, storage, limits, driver.UploadDirect)
		_, err = io.WriteString(running, "4567")
		must(t, err)
		must(t, running.Close())
		must(t, send(session(t, older, storage, limits, driver.UploadDirect), "/late", stor, 0, "12", nil)) // a login after the file was lent
		must(t, send(after, "/new", stor, 0, "1234567890", nil))
		must(t, before.Remove("/a"))
		told.pass(t, younger)
		wantUsage(t, younger, "alice", quota.Usage{Bytes: 7 + 2 + 10, Files: 3})
		requireTrue(t, after, storage)
		must(t, older.Flush())
		must(t, older.Close())
	})
}

func TestChangesOfOneWhoHasNotLoggedInYet(t *testing.T) {
	t.Parallel()
	storage := newLocal(t)
	older, path := open(t)
	before := session(t, older, storage, quota.Limits{Bytes: 100}, driver.UploadAtomic)
	must(t, send(before, "/a", stor, 0, "12345", nil))
	var told changes
	must(t, older.Lend(told.add))
	must(t, send(before, "/b", stor, 0, "123", nil))
	younger, err := quota.Open(path, quota.Options{Wait: -1})
	must(t, err)
	told.pass(t, younger)
	must(t, younger.Adjust("nobody", quota.Usage{Bytes: 1}))
	must(t, younger.Close())
	again, err := quota.Open(path, quota.Options{Wait: -1})
	must(t, err)
	wantUsage(t, again, "alice", quota.Usage{Bytes: 8, Files: 2})
	if _, known, _ := again.Usage("nobody"); known {
		t.Error("an account that was never counted is known")
	}
	must(t, again.Close())
}

func TestAFileThatWasLentComesBack(t *testing.T) {
	t.Parallel()
	storage := newLocal(t)
	store, path := open(t)
	fs := session(t, store, storage, quota.Limits{Bytes: 100}, driver.UploadAtomic)
	must(t, send(fs, "/a", stor, 0, "12345", nil))
	var told changes
	must(t, store.Lend(told.add))
	must(t, send(fs, "/b", stor, 0, "123", nil))
	must(t, store.Resume())
	must(t, store.Resume()) // nothing to do
	told.all = nil
	must(t, send(fs, "/c", stor, 0, "1", nil))
	if len(told.all) > 0 {
		t.Error("changes are told to nobody")
	}
	requireTrue(t, fs, storage)
	if _, err := quota.Open(path, quota.Options{Wait: -1}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the file is not this process's again: %v", err)
	}
	must(t, store.Close())
	again, err := quota.Open(path, quota.Options{Wait: -1})
	must(t, err)
	wantUsage(t, again, "alice", quota.Usage{Bytes: 9, Files: 3})
	must(t, again.Close())
}

func TestResumeOfAFileThatIsInUse(t *testing.T) {
	t.Parallel()
	store, path := open(t)
	must(t, store.Lend(func(string, quota.Usage) {}))
	if err := store.Lend(func(string, quota.Usage) {}); err == nil {
		t.Error("the file was lent twice")
	}
	other, err := quota.Open(path, quota.Options{Wait: -1})
	must(t, err)
	if err := store.Resume(); err == nil {
		t.Error("the file came back while another had it")
	}
	must(t, other.Close())
	must(t, store.Resume())
}
