//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
)

// portBlock is the part of the port space that belongs to this process. It
// lies below the ports that the kernel gives to outgoing connections, so
// nothing takes a port between the moment it is found free and the moment the
// server binds it. The block's first port stays bound: another run of these
// tests takes another block.
type portBlock struct {
	claim net.Listener
	first int

	mu   sync.Mutex // guards next
	next int
}

const (
	blockSize  = 1000
	longestRun = 100 // in the block that all tests share
	firstBlock = 10000
	lastBlock  = 30000
)

func claimPorts() (*portBlock, error) {
	for first := firstBlock; first <= lastBlock; first += blockSize {
		claim, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first))
		if err == nil {
			return &portBlock{claim: claim, first: first, next: 1}, nil
		}
	}
	return nil, errors.New("no block of free ports from 10000 to 30999")
}

func (b *portBlock) release() { _ = b.claim.Close() }

// ports is a run of n ports that were free a moment ago.
type ports struct {
	first, n int
}

func (p ports) String() string {
	if p.n == 1 {
		return fmt.Sprint(p.first)
	}
	return fmt.Sprintf("%d-%d", p.first, p.first+p.n-1)
}

func (p ports) contains(port int) bool { return p.first <= port && port < p.first+p.n }

// take finds n free ports in a row. A port is given again only after all
// others of the block were. A long run has a block of its own, until the test
// ends: here it would not find so many neighbours that are all free.
func (b *portBlock) take(t *testing.T, n int) ports {
	t.Helper()
	if n > longestRun && b == suite.ports {
		own, err := claimPorts()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(own.release)
		return own.take(t, n)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for range blockSize {
		if b.next+n > blockSize {
			b.next = 1
		}
		found := ports{b.first + b.next, n}
		if busy := firstBusy(found); busy >= 0 {
			b.next += busy + 1
			continue
		}
		b.next += n
		return found
	}
	t.Fatalf("no %d free ports in a row from %d to %d", n, b.first, b.first+blockSize-1)
	return ports{}
}

// firstBusy is the index of the first port that cannot be bound, or -1.
func firstBusy(p ports) int {
	for i := range p.n {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", p.first+i))
		if err != nil {
			return i
		}
		_ = l.Close()
	}
	return -1
}

func haveIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
