package server

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

// report is an entry of a directory.
type report struct{ name string }

func (r report) Name() string     { return r.name }
func (report) Size() int64        { return 123_456 }
func (report) Mode() os.FileMode  { return 0o644 }
func (report) ModTime() time.Time { return time.Unix(1_700_000_000, 0) }
func (report) IsDir() bool        { return false }
func (report) Sys() any           { return nil }

func reports(n int) (entries []os.FileInfo) {
	for i := range n {
		entries = append(entries, report{fmt.Sprintf("report-%06d.csv", i)})
	}
	return entries
}

// readListing reads a listing in blocks, as a transfer does.
func readListing(tb testing.TB, verb string, entries []os.FileInfo, block []byte) (bytes int64) {
	f := listingFile{listing: &listing{verb: verb, facts: allFacts, now: time.Unix(1_700_000_001, 0)}, entries: entries}
	for {
		n, err := f.Read(block)
		bytes += int64(n)
		if err == io.EOF {
			return bytes
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// A block that is full copies no more than the line that did not fit.
func TestEntriesAllocateNothing(t *testing.T) {
	entries, block := reports(10_000), make([]byte, 4096)
	for _, verb := range []string{"LIST", "MLSD", "NLST"} {
		if got := testing.AllocsPerRun(10, func() { readListing(t, verb, entries, block) }); got > 6 {
			t.Errorf("%s of 10,000 entries makes %v allocations, want 6 at the most: for the line, none for an entry or a block", verb, got)
		}
	}
}

// BenchmarkListingEntries is a listing by itself, without a directory or a
// connection.
func BenchmarkListingEntries(b *testing.B) {
	entries, block := reports(10_000), make([]byte, blockSize)
	for _, verb := range []string{"LIST", "MLSD", "NLST"} {
		b.Run(verb, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				readListing(b, verb, entries, block)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(entries)), "ns/entry")
		})
	}
}
