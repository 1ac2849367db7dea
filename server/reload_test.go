package server_test

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// listening is a server that ListenAndServe serves.
type listening struct {
	*server.Server
	opts server.Options
	fs   afero.Fs
}

func startListening(t *testing.T, addresses ...string) *listening {
	t.Helper()
	l := &listening{fs: afero.NewMemMapFs()}
	l.opts = server.Options{Auth: oneUser{l.fs}, Ports: freeAllocator(t, 2, portalloc.Options{}), Active: server.Active{Disabled: true}, Banner: "before"}
	l.opts.Listeners = listeners(addresses...)
	var err error
	if l.Server, err = server.New(l.opts); err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.ListenAndServe() }()
	t.Cleanup(func() {
		l.Close()
		if err := <-served; !errors.Is(err, server.ErrServerClosed) {
			t.Errorf("ListenAndServe returned %v, want ErrServerClosed", err)
		}
	})
	return l
}

func listeners(addresses ...string) []server.Listener {
	var all []server.Listener
	for _, address := range addresses {
		all = append(all, server.Listener{Address: address})
	}
	return all
}

// freeAddress is one that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (l *listening) reload(t *testing.T, change func(*server.Options)) {
	t.Helper()
	opts := l.opts
	change(&opts)
	if err := l.Reload(opts); err != nil {
		t.Fatal(err)
	}
}

func greetedBy(t *testing.T, address, banner string) *client {
	t.Helper()
	c := dial(t, address)
	if got := c.expect(220); !strings.Contains(got, banner) {
		t.Errorf("%s greets with %q, want %q", address, got, banner)
	}
	return c
}

func TestReloadReachesNewSessionsAndKeepsOldOnes(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	l := startListening(t, address)
	old := greetedBy(t, address, "before")
	old.logIn()
	other := afero.NewMemMapFs()
	l.reload(t, func(o *server.Options) {
		o.Banner, o.Auth = "after", namedUser{"bob", other}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{newAuthority(t).certificate("after.example", false)}}
	})
	old.cmd(200, "NOOP")
	old.cmd(502, "AUTH TLS")
	fresh := greetedBy(t, address, "after")
	fresh.encrypt(&tls.Config{})
	fresh.cmd(331, "USER bob")
	fresh.cmd(230, "PASS "+testPassword)
	old.cmd(331, "USER alice") // is nobody any more
	old.cmd(530, "PASS "+testPassword)
	old.cmd(331, "USER bob")
	old.cmd(230, "PASS "+testPassword)

	l.reload(t, func(o *server.Options) { o.TLS = nil })
	fresh.cmd(200, "NOOP") // under TLS still
	greetedBy(t, address, "before").cmd(502, "AUTH TLS")
}

func TestReloadBindsNewListenersBeforeItClosesOldOnes(t *testing.T) {
	t.Parallel()
	first, second, third := freeAddress(t), freeAddress(t), freeAddress(t)
	l := startListening(t, first, second)
	old := greetedBy(t, first, "before")
	l.reload(t, func(o *server.Options) { o.Listeners = listeners(third, second) })
	old.logIn()
	greetedBy(t, second, "before")
	greetedBy(t, third, "before")
	if conn, err := net.Dial("tcp", first); err == nil {
		conn.Close()
		t.Error("the listener that is not named any more takes connections")
	}
	if got := l.Addrs(); got[0].String() != third || got[1].String() != second || len(got) != 2 {
		t.Errorf("the addresses are %v, want %s and %s", got, third, second)
	}
}

func TestReloadThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	address, free := freeAddress(t), freeAddress(t)
	l := startListening(t, address)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, change := range map[string]func(*server.Options){
		"a taken port":    func(o *server.Options) { o.Listeners = listeners(free, taken.Addr().String()) },
		"no users":        func(o *server.Options) { o.Auth = nil },
		"TLS for nothing": func(o *server.Options) { o.RequireTLS = server.TLSForLogin },
	} {
		opts := l.opts
		opts.Banner = "after"
		change(&opts)
		if err := l.Reload(opts); err == nil {
			t.Errorf("%s: there was no error", name)
		}
		greetedBy(t, address, "before")
		if conn, err := net.Dial("tcp", free); err == nil {
			conn.Close()
			t.Errorf("%s: a listener of the failed change takes connections", name)
		}
	}
}

func TestAbortedReloadChangesNothing(t *testing.T) {
	t.Parallel()
	address, other := freeAddress(t), freeAddress(t)
	l := startListening(t, address)
	opts := l.opts
	opts.Banner, opts.Listeners = "after", listeners(other)
	reload, err := l.PrepareReload(opts)
	if err != nil {
		t.Fatal(err)
	}
	reload.Abort()
	greetedBy(t, address, "before")
	if conn, err := net.Dial("tcp", other); err == nil {
		conn.Close()
		t.Error("the listener of the aborted change takes connections")
	}
	l.reload(t, func(o *server.Options) { o.Banner = "again" })
	greetedBy(t, address, "again")
}

func TestReloadNamesTheListenerThatCannotBeBound(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	l := startListening(t, freeAddress(t))
	opts := l.opts
	opts.Listeners = listeners(taken.Addr().String())
	var refused *server.ListenError
	if err := l.Reload(opts); !errors.As(err, &refused) || refused.Address != taken.Addr().String() || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want a ListenError of %v", err, taken.Addr())
	}
}

func TestReloadOfAClosedServer(t *testing.T) {
	t.Parallel()
	l := startListening(t, freeAddress(t))
	l.Close()
	if err := l.Reload(l.opts); !errors.Is(err, server.ErrServerClosed) {
		t.Errorf("got %v, want ErrServerClosed", err)
	}
}

// Sessions come and go while options change.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	l := startListening(t, address)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 20 {
				c := greetedBy(t, address, "")
				c.logIn()
				c.cmd(221, "QUIT")
			}
		})
	}
	for i := range 50 {
		l.reload(t, func(o *server.Options) {
			o.Limits.LoginsPerMinute = 1000 + i
			o.Limits.Bandwidth.Download = int64(i) << 20
		})
	}
	clients.Wait()
}
