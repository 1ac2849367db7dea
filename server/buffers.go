package server

import "sync"

const (
	// blockSize is the unit of copies that the kernel does not make.
	blockSize = 256 << 10
	// bulkSize is the unit for uploads that fill one block after another: while
	// a large block is written, more arrives, so there are fewer wake-ups.
	bulkSize = 4 << 20
)

// buffers lends memory to data connections.
type buffers struct {
	block, bulk sync.Pool
}

func newBuffers() buffers {
	return buffers{
		block: sync.Pool{New: func() any { b := make([]byte, blockSize); return &b }},
		bulk:  sync.Pool{New: func() any { b := make([]byte, bulkSize); return &b }},
	}
}

func (b *buffers) getBlock() *[]byte { return b.block.Get().(*[]byte) }

func (b *buffers) putBlock(p *[]byte) { b.block.Put(p) }

func (b *buffers) getBulk() *[]byte { return b.bulk.Get().(*[]byte) }

func (b *buffers) putBulk(p *[]byte) { b.bulk.Put(p) }
