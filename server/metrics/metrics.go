package metrics

import (
	"errors"
	"io/fs"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/timing"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// Options configures Metrics. The zero value is right for most.
type Options struct {
	// Version is that of the program, for portico_build_info.
	Version string
	// Bans says how many bans there are now. Nil: portico_bans is not told.
	Bans func() int
	// Sandboxed says whether the process is confined. Nil: portico_sandbox_active
	// is not told.
	Sandboxed func() bool
	// Shared says whether the state that is shared with other servers can be used.
	// Nil: portico_shared_state_up is not told.
	Shared func() bool
	// Ready says whether the program takes new sessions. Nil: portico_ready is not
	// told.
	Ready func() bool
}

// Metrics is a prometheus.Collector. All methods may be called concurrently.
type Metrics struct {
	opts     Options
	commands commandCounts

	logins, transfers, tlsFailures, security, reloads *prometheus.CounterVec
	transferTime, storageTime                         *prometheus.HistogramVec
	storageErrors                                     *prometheus.CounterVec
	waits, connects                                   prometheus.Histogram
	buildInfo, reloadOK, reloadTime                   prometheus.Gauge
	storages                                          map[driver.StorageKind]storageSeries
	own                                               []prometheus.Collector // all of the above

	mu     sync.Mutex // guards the rest
	server *server.Server
	ports  *portalloc.Allocator
}

// New returns metrics of which nothing has happened so far.
func New(opts Options) *Metrics {
	m := &Metrics{
		opts:     opts,
		commands: newCommandCounts(),
		logins: counters("logins_total", "Attempts to log in, by how they ended (ok, failed, error) and how they were made (password, certificate).",
			"result", "method"),
		transfers: counters("transfers_total", "Transfers that have ended, by direction, result (ok, failed, aborted), mode of the data connection and TLS on it.",
			"direction", "result", "mode", "tls"),
		tlsFailures: counters("tls_handshake_failures_total", "TLS handshakes that failed, by kind of connection.", "channel"),
		security:    counters("security_events_total", "Security events by kind: those of the audit log.", "event"),
		reloads:     counters("config_reloads_total", "Attempts to put a changed configuration into force, by result (ok, failed).", "result"),
		transferTime: histograms("transfer_duration_seconds", "How long transfers took from the command to their end, by direction.",
			[]float64{.005, .025, .1, .5, 1, 5, 15, 60, 300, 1800}, "direction"),
		storageTime: histograms("storage_operation_duration_seconds", "How long the storage took for operations on names, by operation and kind of storage.",
			[]float64{.00001, .0001, .001, .005, .025, .1, .5, 1, 5, 30}, "operation", "storage"),
		storageErrors: counters("storage_operation_errors_total", "Operations on names at which the storage failed, by operation and kind of storage. That a name is not there, is there already, or may not be used does not count.",
			"operation", "storage"),
		waits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "portico_passive_wait_seconds", Help: "How long sessions had waited for a passive port when they got one.",
			Buckets: []float64{0, .001, .01, .1, .5, 1, 2.5, 5},
		}),
		connects: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "portico_passive_connect_seconds", Help: "How long clients took to connect to the passive port that they were told.",
			Buckets: []float64{.0005, .001, .005, .01, .05, .1, .5, 1, 5, 15, 30},
		}),
		reloadOK:   gauge("config_last_reload_successful", "Whether the last attempt to put a configuration into force succeeded (1) or not (0)."),
		reloadTime: gauge("config_last_reload_success_timestamp_seconds", "When a configuration was last put into force, the start included."),
	}
	m.buildInfo = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "portico_build_info", Help: "Always 1, with the version of the program and of Go.",
		ConstLabels: prometheus.Labels{"version": opts.Version, "goversion": runtime.Version()},
	})
	m.buildInfo.Set(1)
	m.own = []prometheus.Collector{
		m.logins, m.transfers, m.tlsFailures, m.security, m.reloads, m.transferTime, m.storageTime, m.storageErrors,
		m.waits, m.connects, m.buildInfo, m.reloadOK, m.reloadTime,
	}
	m.showZeros()
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "portico_" + name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "portico_" + name, Help: help, Buckets: buckets}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: "portico_" + name, Help: help})
}

// showZeros makes the series that alerts are about exist from the start: the
// first of a kind would otherwise be no increase.
func (m *Metrics) showZeros() {
	for _, result := range []string{"ok", "failed"} {
		m.logins.WithLabelValues(result, "password")
		m.reloads.WithLabelValues(result)
	}
	for _, channel := range []string{"control", "data"} {
		m.tlsFailures.WithLabelValues(channel)
	}
	for kind := server.SecurityLoginOK; kind <= server.SecurityConfigChanged; kind++ {
		m.security.WithLabelValues(kind.String())
	}
	m.storages = make(map[driver.StorageKind]storageSeries)
	for _, kind := range []driver.StorageKind{driver.StorageLocal, driver.StorageMemory, driver.StorageOverlay, driver.StorageObject} {
		m.storages[kind] = m.newStorageSeries(kind)
	}
}

// HookServer puts the metrics behind the callbacks of a server's options, which
// are still called.
func (m *Metrics) HookServer(opts *server.Options) {
	opts.OnCommand = both(opts.OnCommand, m.Command)
	opts.OnTransfer = both(opts.OnTransfer, m.Transfer)
	opts.OnSecurity = both(opts.OnSecurity, m.Security)
}

// HookPorts does the same for those of an allocator.
func (m *Metrics) HookPorts(opts *portalloc.Options) { opts.Observer = both(opts.Observer, m.Lease) }

func both[E any](first, second func(E)) func(E) {
	if first == nil {
		return second
	}
	return func(e E) {
		first(e)
		second(e)
	}
}

// Watch names the server and the ports that are looked at. Nil: none.
func (m *Metrics) Watch(srv *server.Server, ports *portalloc.Allocator) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server, m.ports = srv, ports
}

// Command counts a command. It is a server's OnCommand.
func (m *Metrics) Command(e server.CommandEvent) { m.commands.add(e.Verb, e.Code) }

// Transfer counts a transfer. It is a server's OnTransfer.
func (m *Metrics) Transfer(e server.TransferEvent) {
	result, mode := "ok", e.Mode
	switch {
	case e.Aborted:
		result = "aborted"
	case e.Code >= 400 || e.Code == 0:
		result = "failed"
	}
	if mode == "" {
		mode = "none"
	}
	m.transfers.WithLabelValues(e.Direction.String(), result, mode, strconv.FormatBool(e.TLS)).Inc()
	m.transferTime.WithLabelValues(e.Direction.String()).Observe(e.Duration.Seconds())
}

// Security counts a security event. It is a server's OnSecurity, and a guard's.
func (m *Metrics) Security(e server.SecurityEvent) {
	m.security.WithLabelValues(e.Kind.String()).Add(float64(1 + e.Suppressed))
	switch e.Kind {
	case server.SecurityLoginOK:
		m.logins.WithLabelValues("ok", loginMethod(e)).Inc()
	case server.SecurityLoginFailed:
		m.logins.WithLabelValues("failed", loginMethod(e)).Inc()
	case server.SecurityLoginError:
		m.logins.WithLabelValues("error", loginMethod(e)).Inc()
	case server.SecurityTLSFailed:
		if e.Reason == "control" || e.Reason == "data" {
			m.tlsFailures.WithLabelValues(e.Reason).Inc()
		}
	default:
	}
}

func loginMethod(e server.SecurityEvent) string {
	if e.Method == "certificate" {
		return "certificate"
	}
	return "password"
}

// Lease counts the end of a lease. It is an allocator's Observer.
func (m *Metrics) Lease(e portalloc.Event) {
	m.waits.Observe(e.Waited.Seconds())
	if e.Outcome == portalloc.Connected {
		m.connects.Observe(e.Held.Seconds())
	}
}

// Reloaded tells how an attempt to put a configuration into force has ended. The
// start counts as one.
func (m *Metrics) Reloaded(err error) {
	if err != nil {
		m.reloads.WithLabelValues("failed").Inc()
		m.reloadOK.Set(0)
		return
	}
	m.reloads.WithLabelValues("ok").Inc()
	m.reloadOK.Set(1)
	m.reloadTime.SetToCurrentTime()
}

// storageSeries are the series of one kind of storage, by operation.
type storageSeries struct {
	times  []prometheus.Observer
	errors []prometheus.Counter
}

func (m *Metrics) newStorageSeries(kind driver.StorageKind) storageSeries {
	var s storageSeries
	for _, op := range timing.Operations() {
		s.times = append(s.times, m.storageTime.WithLabelValues(op.String(), kind.String()))
		s.errors = append(s.errors, m.storageErrors.WithLabelValues(op.String(), kind.String()))
	}
	return s
}

// Storage returns storage of a kind with its operations measured: see package
// timing. It fits into a driver.LayerFunc.
func (m *Metrics) Storage(kind driver.StorageKind, storage afero.Fs) afero.Fs {
	series, known := m.storages[kind]
	if !known {
		return storage
	}
	return timing.Layer(storage, func(op timing.Operation, took time.Duration, err error) {
		series.times[op].Observe(took.Seconds())
		if err != nil && !isClients(err) {
			series.errors[op].Inc()
		}
	})
}

// isClients says that an error is the client's own doing.
func isClients(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported)
}
