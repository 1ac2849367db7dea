package portalloc

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
)

// silentListener binds nothing and accepts nothing: most benchmarks are not
// about the kernel.
type silentListener struct{ closed chan struct{} }

func (l silentListener) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

func (l silentListener) Close() error {
	close(l.closed)
	return nil
}

func (l silentListener) Addr() net.Addr { return &net.TCPAddr{} }

func listenSilently(context.Context, uint16) (net.Listener, error) {
	return silentListener{make(chan struct{})}, nil
}

func newBenchAllocator(b *testing.B, opts Options) *Allocator {
	b.Helper()
	if opts.Listen == nil {
		opts.Listen = listenSilently
	}
	a, err := New(opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Close() })
	return a
}

// nthClient returns one of 2²⁴ addresses.
func nthClient(n int) netip.Addr {
	var addr [4]byte
	binary.BigEndian.PutUint32(addr[:], 10<<24|uint32(n))
	return netip.AddrFrom4(addr)
}

// BenchmarkAcquireClose is a PASV that nobody connects to, alone.
func BenchmarkAcquireClose(b *testing.B) {
	a := newBenchAllocator(b, Options{Ports: PortList{{1, 100}}})
	claim := Claim{Client: nthClient(1)}
	b.ReportAllocs()
	for b.Loop() {
		l, err := a.Acquire(b.Context(), claim)
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}

// BenchmarkAcquireCloseIdentified is the same for a session that resumes TLS.
func BenchmarkAcquireCloseIdentified(b *testing.B) {
	a := newBenchAllocator(b, Options{
		Ports:    PortList{{1, 100}},
		Identify: func(conn net.Conn) (Identity, net.Conn, error) { return 0, conn, nil },
	})
	claim := Claim{Client: nthClient(1), Identity: 1}
	b.ReportAllocs()
	for b.Loop() {
		l, err := a.Acquire(b.Context(), claim)
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}

// BenchmarkAcquireCloseContended is the same on eight goroutines.
func BenchmarkAcquireCloseContended(b *testing.B) {
	a := newBenchAllocator(b, Options{Ports: PortList{{1, 100}}})
	b.SetParallelism((8 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		claim := Claim{Client: nthClient(1)}
		for pb.Next() {
			l, err := a.Acquire(context.Background(), claim)
			if err != nil {
				b.Error(err)
				return
			}
			l.Close()
		}
	})
}

// BenchmarkAcquireWithNeighbour is a PASV while another address holds every
// port and asks for more.
func BenchmarkAcquireWithNeighbour(b *testing.B) {
	a := newBenchAllocator(b, Options{Ports: PortList{{1, 4}}, Wait: time.Hour, ReclaimAfter: time.Hour, AcceptTimeout: time.Hour})
	for range 4 {
		if _, err := a.TryAcquire(Claim{Client: nthClient(1)}); err != nil {
			b.Fatal(err)
		}
	}
	for range 20 {
		go a.Acquire(context.Background(), Claim{Client: nthClient(1)}) // until Close
	}
	claim := Claim{Client: nthClient(2)}
	b.ReportAllocs()
	for b.Loop() {
		l, err := a.TryAcquire(claim)
		if err != nil {
			b.Fatal(err)
		}
		l.Close()
	}
}

// BenchmarkHundredThousandLeases acquires 100,000 leases of distinct addresses
// and reports what they weigh and how long the slowest took.
func BenchmarkHundredThousandLeases(b *testing.B) {
	const leases = 100_000
	for b.Loop() {
		a := newBenchAllocator(b, Options{Ports: PortList{{1, 100}}, AcceptTimeout: time.Hour})
		times := make([]time.Duration, leases)
		held := make([]*Lease, leases)
		before := heapBytes()
		for i := range leases {
			start := time.Now()
			l, err := a.TryAcquire(Claim{Client: nthClient(i)})
			times[i] = time.Since(start)
			if err != nil {
				b.Fatal(err)
			}
			held[i] = l
		}
		total := heapBytes() - before
		runtime.KeepAlive(held)
		slices.Sort(times)
		b.ReportMetric(float64(total)/leases, "B/lease")
		b.ReportMetric(float64(total)/(1<<20), "MiB")
		b.ReportMetric(float64(times[leases*99/100].Nanoseconds()), "p99-ns")
		a.Close()
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// BenchmarkStartLargeRange starts and closes a range of 16,384 ports, which are
// bound at their first lease.
func BenchmarkStartLargeRange(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		a, err := New(Options{Ports: PortList{{20000, 36383}}})
		if err != nil {
			b.Fatal(err)
		}
		a.Close()
	}
}

// BenchmarkStartBound starts and closes a range of 1,024 ports of the kernel.
func BenchmarkStartBound(b *testing.B) {
	ports := freeRange(b, lazyBindThreshold)
	for b.Loop() {
		a, err := New(Options{Ports: ports})
		if err != nil {
			b.Fatal(err)
		}
		a.Close()
	}
}

// freeRange finds so many ports in a row that can be bound.
func freeRange(b *testing.B, n int) PortList {
	b.Helper()
	for first := 20000; first+n < 32768; first += 100 {
		ports := PortList{{uint16(first), uint16(first + n - 1)}}
		a, err := New(Options{Ports: ports})
		if err == nil {
			a.Close()
			return ports
		}
	}
	b.Skipf("this machine has no %d free ports in a row", n)
	return nil
}

// BenchmarkConnect is a lease from PASV to the first byte over the loopback
// interface.
func BenchmarkConnect(b *testing.B) {
	a := newLoopbackAllocator(b)
	loopback := netip.MustParseAddr("127.0.0.1")
	b.ReportAllocs()
	for b.Loop() {
		l, err := a.Acquire(b.Context(), Claim{Client: loopback})
		if err != nil {
			b.Fatal(err)
		}
		client, err := net.Dial("tcp", netip.AddrPortFrom(loopback, l.Port()).String())
		if err != nil {
			b.Fatal(err)
		}
		io.WriteString(client, "x")
		conn, err := l.Accept(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		reset(client) // or the machine would run out of ephemeral ports
		conn.Close()
	}
}

// newLoopbackAllocator returns one whose only port the kernel has chosen.
func newLoopbackAllocator(b *testing.B) *Allocator {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).AddrPort().Port()
	bound := false
	return newBenchAllocator(b, Options{
		Ports: PortList{{port, port}},
		Listen: func(context.Context, uint16) (net.Listener, error) {
			if bound {
				return nil, errors.New("bound already")
			}
			bound = true
			return listener, nil
		},
	})
}
