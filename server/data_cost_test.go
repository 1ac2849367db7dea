package server

import (
	"context"
	"net"
	"testing"
	"time"
)

// sink is a connection that takes everything at once: what is measured is what
// a data connection adds.
type sink struct{ net.Conn }

func (sink) Write(p []byte) (int, error) { return len(p), nil }

func (sink) SetWriteDeadline(time.Time) error { return nil }

func (sink) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)} }

func (sink) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2)} }

func newSunkDataConn() *dataConn {
	pools := newBuffers()
	return &dataConn{ctx: context.Background(), raw: sink{}, buffers: &pools, stall: time.Minute}
}

// dataWrites are the sizes in which bytes reach a data connection that the kernel
// does not copy to.
var dataWrites = []struct {
	name string
	size int
}{
	{"a line", 100},
	{"a block", blockSize},
}

// The race detector lets a pool forget one buffer in four, which is less than
// one for each run and so is not counted.
func TestWritingDataAllocatesNothing(t *testing.T) {
	p := make([]byte, blockSize)
	for _, test := range dataWrites {
		d := newSunkDataConn()
		if got := testing.AllocsPerRun(1000, func() {
			if _, err := d.write(p[:test.size]); err != nil {
				t.Fatal(err)
			}
		}); got != 0 {
			t.Errorf("writing %s makes %v allocations, want 0", test.name, got)
		}
	}
}

func BenchmarkDataWrite(b *testing.B) {
	p := make([]byte, blockSize)
	for _, test := range dataWrites {
		b.Run(test.name, func(b *testing.B) {
			d := newSunkDataConn()
			b.SetBytes(int64(test.size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.write(p[:test.size]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReadCommand is the control line by itself: read and understood.
func BenchmarkReadCommand(b *testing.B) {
	var r lineReader
	r.reset(idleReader{"RETR report.csv\r\n"})
	b.ReportAllocs()
	for b.Loop() {
		line, err := r.next()
		if err != nil {
			b.Fatal(err)
		}
		parseCommand(line)
	}
}
