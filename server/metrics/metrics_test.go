package metrics_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/metrics"
)

// full has everything that metrics can tell.
func full() *metrics.Metrics {
	return metrics.New(metrics.Options{
		Version: "1.2.3", Bans: func() int { return 2 }, Sandboxed: func() bool { return true }, Ready: func() bool { return false },
	})
}

// expect compares series, named as in the text format, with their values.
func expect(t *testing.T, m *metrics.Metrics, want map[string]float64) {
	t.Helper()
	got := gather(t, m)
	for name, value := range want {
		if present, ok := got[name]; !ok || present != value {
			t.Errorf("%s is %v (there: %v), want %v", name, present, ok, value)
		}
	}
}

// gather returns all series but histograms' buckets.
func gather(t testing.TB, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]float64)
	for _, family := range families {
		for _, metric := range family.Metric {
			var labels []string
			for _, l := range metric.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			switch {
			case metric.Counter != nil:
				series[name] = metric.Counter.GetValue()
			case metric.Gauge != nil:
				series[name] = metric.Gauge.GetValue()
			default:
				series[name+".count"] = float64(metric.Histogram.GetSampleCount())
			}
		}
	}
	return series
}

func TestNamesFollowTheConventions(t *testing.T) {
	t.Parallel()
	srv, ports := startServer(t, nil)
	m := full()
	m.Watch(srv, ports)
	m.Command(server.CommandEvent{Verb: "NOOP", Code: 200})
	m.Transfer(server.TransferEvent{Code: 226})
	problems, err := testutil.CollectAndLint(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestCommandsAreBounded(t *testing.T) {
	t.Parallel()
	m := full()
	for _, e := range []server.CommandEvent{
		{Verb: "NOOP", Code: 200}, {Verb: "NOOP", Code: 200}, {Verb: "RETR", Code: 550},
		{Verb: "ABCD", Code: 500}, {Verb: "?", Code: 500}, {Verb: "", Code: 0}, {Verb: "QUIT", Code: 12345}, {Verb: "QUIT", Code: -1}, {Verb: "PWD", Code: 599},
	} {
		m.Command(e)
	}
	expect(t, m, map[string]float64{
		"portico_commands_total{code=200,verb=NOOP}":   2,
		"portico_commands_total{code=550,verb=RETR}":   1,
		"portico_commands_total{code=500,verb=other}":  2,
		"portico_commands_total{code=none,verb=other}": 1,
		"portico_commands_total{code=none,verb=QUIT}":  2,
		"portico_commands_total{code=599,verb=PWD}":    1,
	})
}

func TestEventsAreCounted(t *testing.T) {
	t.Parallel()
	m := full()
	for _, e := range []server.SecurityEvent{
		{Kind: server.SecurityLoginOK, Method: "password"}, {Kind: server.SecurityLoginOK, Method: "certificate"},
		{Kind: server.SecurityLoginFailed, Method: "password", Reason: "anything"}, {Kind: server.SecurityLoginError, Method: "?"},
		{Kind: server.SecurityTLSFailed, Reason: "data"}, {Kind: server.SecurityTLSFailed, Reason: "not_resumed"},
		{Kind: server.SecuritySessionRefused, Suppressed: 9}, {Kind: server.SecurityBan},
	} {
		m.Security(e)
	}
	for _, e := range []server.TransferEvent{
		{Direction: server.DirectionDownload, Code: 226, Mode: "passive", TLS: true, Duration: time.Second},
		{Direction: server.DirectionUpload, Code: 426, Mode: "active", Aborted: true},
		{Direction: server.DirectionUpload, Code: 552},
	} {
		m.Transfer(e)
	}
	m.Lease(portalloc.Event{Outcome: portalloc.Connected, Waited: time.Second})
	m.Lease(portalloc.Event{Outcome: portalloc.Expired})
	m.Reloaded(nil)
	m.Reloaded(errors.New("half a file"))
	expect(t, m, map[string]float64{
		"portico_logins_total{method=password,result=ok}":                                1,
		"portico_logins_total{method=certificate,result=ok}":                             1,
		"portico_logins_total{method=password,result=failed}":                            1,
		"portico_logins_total{method=password,result=error}":                             1,
		"portico_tls_handshake_failures_total{channel=data}":                             1,
		"portico_tls_handshake_failures_total{channel=control}":                          0,
		"portico_security_events_total{event=session_refused}":                           10,
		"portico_security_events_total{event=ban}":                                       1,
		"portico_security_events_total{event=unban}":                                     0,
		"portico_transfers_total{direction=download,mode=passive,result=ok,tls=true}":    1,
		"portico_transfers_total{direction=upload,mode=active,result=aborted,tls=false}": 1,
		"portico_transfers_total{direction=upload,mode=none,result=failed,tls=false}":    1,
		"portico_transfer_duration_seconds{direction=upload}.count":                      2,
		"portico_passive_wait_seconds.count":                                             2,
		"portico_passive_connect_seconds.count":                                          1,
		"portico_config_reloads_total{result=ok}":                                        1,
		"portico_config_reloads_total{result=failed}":                                    1,
		"portico_config_last_reload_successful":                                          0,
		"portico_bans":                                                                   2,
		"portico_sandbox_active":                                                         1,
		"portico_ready":                                                                  0,
	})
}

func TestHooksAreChained(t *testing.T) {
	t.Parallel()
	m := full()
	var commands, security, leases int
	opts := server.Options{
		OnCommand:  func(server.CommandEvent) { commands++ },
		OnSecurity: func(server.SecurityEvent) { security++ },
	}
	m.HookServer(&opts)
	opts.OnCommand(server.CommandEvent{Verb: "NOOP", Code: 200})
	opts.OnSecurity(server.SecurityEvent{Kind: server.SecurityLoginOK})
	opts.OnTransfer(server.TransferEvent{Code: 226})
	ports := portalloc.Options{Observer: func(portalloc.Event) { leases++ }}
	m.HookPorts(&ports)
	ports.Observer(portalloc.Event{Outcome: portalloc.Connected})
	if commands != 1 || security != 1 || leases != 1 {
		t.Errorf("the old callbacks were called %d, %d and %d times, want 1 each", commands, security, leases)
	}
	expect(t, m, map[string]float64{
		"portico_commands_total{code=200,verb=NOOP}":                              1,
		"portico_logins_total{method=password,result=ok}":                         1,
		"portico_transfers_total{direction=upload,mode=none,result=ok,tls=false}": 1,
		"portico_passive_connect_seconds.count":                                   1,
	})
}

func TestStorageIsMeasured(t *testing.T) {
	t.Parallel()
	m := full()
	storage := m.Storage(driver.StorageMemory, afero.NewMemMapFs())
	if err := afero.WriteFile(storage, "/a", []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := storage.Rename("/a", "/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Stat("/nowhere"); err == nil {
		t.Fatal("there is a file nowhere")
	}
	broken := m.Storage(driver.StorageObject, brokenFs{afero.NewMemMapFs()})
	if err := broken.Remove("/x"); err == nil {
		t.Fatal("the broken storage works")
	}
	expect(t, m, map[string]float64{
		"portico_storage_operation_duration_seconds{operation=create,storage=memory}.count": 1,
		"portico_storage_operation_duration_seconds{operation=rename,storage=memory}.count": 1,
		"portico_storage_operation_duration_seconds{operation=stat,storage=memory}.count":   1,
		"portico_storage_operation_errors_total{operation=stat,storage=memory}":             0,
		"portico_storage_operation_errors_total{operation=remove,storage=object}":           1,
	})
	unknown := afero.NewMemMapFs()
	if got := m.Storage(driver.StorageKind(99), unknown); got != unknown {
		t.Error("a storage of an unknown kind is wrapped")
	}
}

type brokenFs struct{ afero.Fs }

func (brokenFs) Remove(string) error { return errors.New("the disk is gone") }

func TestPortsAreLookedAt(t *testing.T) {
	t.Parallel()
	srv, ports := startServer(t, nil)
	m := full()
	m.Watch(srv, ports)
	lease, err := ports.TryAcquire(portalloc.Claim{Client: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, m, map[string]float64{
		"portico_passive_ports": 2, "portico_passive_ports_free": 1, "portico_passive_ports_bound": 2, "portico_passive_ports_retired": 0,
		"portico_passive_leases_pending": 1, "portico_passive_leases_granted_total": 1, "portico_passive_waiting": 0,
		"portico_passive_leases_total{outcome=cancelled}": 0, "portico_passive_unreached_networks": 0, "portico_passive_ports_never_connected": 0,
		"portico_sessions": 0, "portico_limit_refusals_total{limit=sessions}": 0,
	})
	lease.Close()
	expect(t, m, map[string]float64{
		"portico_passive_ports_free": 2, "portico_passive_leases_pending": 0, "portico_passive_leases_total{outcome=cancelled}": 1,
	})
	m.Watch(nil, nil)
	if _, ok := gather(t, m)["portico_passive_ports"]; ok {
		t.Error("ports are told that are not watched")
	}
}

// TestTwoServers keeps two servers of one process apart.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	for _, name := range []string{"a", "b"} {
		if err := prometheus.WrapRegistererWith(prometheus.Labels{"server": name}, registry).Register(full()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := registry.Gather(); err != nil {
		t.Fatal(err)
	}
}

func TestScrapesWhileMuchHappens(t *testing.T) {
	t.Parallel()
	m := full()
	var working sync.WaitGroup
	for range 4 {
		working.Go(func() {
			for range 1000 {
				m.Command(server.CommandEvent{Verb: "NOOP", Code: 200})
				m.Transfer(server.TransferEvent{Code: 226})
				m.Security(server.SecurityEvent{Kind: server.SecurityLoginOK})
			}
		})
	}
	for range 20 {
		gather(t, m)
	}
	working.Wait()
	expect(t, m, map[string]float64{"portico_commands_total{code=200,verb=NOOP}": 4000})
}

// startServer starts a server on a listener, with two passive ports.
func startServer(t testing.TB, listener net.Listener) (*server.Server, *portalloc.Allocator) {
	t.Helper()
	ports := freePorts(t)
	srv, err := server.New(server.Options{Auth: nobody{}, Ports: ports, Active: server.Active{SourcePort: server.SourcePortEphemeral}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	if listener != nil {
		go srv.Serve(listener)
	}
	return srv, ports
}

func freePorts(t testing.TB) *portalloc.Allocator {
	t.Helper()
	for range 100 {
		var list portalloc.PortList
		for range 2 {
			l, err := net.Listen("tcp", ":0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			port := uint16(l.Addr().(*net.TCPAddr).Port)
			list = append(list, portalloc.PortRange{First: port, Last: port})
			l.Close()
		}
		if ports, err := portalloc.New(portalloc.Options{Ports: list}); err == nil {
			t.Cleanup(func() { ports.Close() })
			return ports
		}
	}
	t.Fatal("no free ports found")
	return nil
}

type nobody struct{}

func (nobody) Authenticate(context.Context, driver.Attempt) (*driver.Account, error) {
	return nil, driver.ErrDenied
}

// BenchmarkScrape5000Sessions answers a scrape of a server with 5,000 open
// sessions, which may take 20 ms.
func BenchmarkScrape5000Sessions(b *testing.B) {
	const sessions = 5000
	listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv, ports := startServer(b, listener)
	m := full()
	m.Watch(srv, ports)
	var greeted sync.WaitGroup
	for i := range sessions {
		client, conn := net.Pipe()
		defer client.Close()
		greeted.Add(1)
		go func() {
			client.Read(make([]byte, 100))
			greeted.Done()
			io.Copy(io.Discard, client)
		}()
		listener.conns <- tcpPipe{conn, &net.TCPAddr{IP: net.IPv4(10, 0, byte(i>>8), byte(i)), Port: 1 + i}}
	}
	greeted.Wait()
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	b.ResetTimer()
	for b.Loop() {
		answer := httptest.NewRecorder()
		if handler.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil)); answer.Code != http.StatusOK {
			b.Fatal(answer.Code)
		}
	}
	b.StopTimer()
	if got := gather(b, m)["portico_sessions"]; got != sessions {
		b.Fatalf("%v sessions, want %d", got, sessions)
	}
}

func BenchmarkCommand(b *testing.B) {
	m := full()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Command(server.CommandEvent{Verb: "RETR", Code: 226})
		}
	})
}

// pipes is a listener whose connections need no file descriptors.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   atomic.Bool
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	if !p.once.Swap(true) {
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 21} }

type tcpPipe struct {
	net.Conn
	remote *net.TCPAddr
}

func (p tcpPipe) RemoteAddr() net.Addr { return p.remote }

func (p tcpPipe) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 21} }
