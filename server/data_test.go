//go:build linux

package server

import (
	"io"
	"net"
	"os"
	"testing"
)

// seenFile is a file that notes how its bytes come.
type seenFile struct {
	bare             *os.File // what OSFile tells
	inBlocks, copied int64
}

func (f *seenFile) Write(p []byte) (int, error) {
	f.inBlocks += int64(len(p))
	return len(p), nil
}

func (f *seenFile) OSFile() *os.File { return f.bare }

func (f *seenFile) CopyFrom(r io.Reader, n int64) (int64, error) {
	copied, err := io.Copy(io.Discard, io.LimitReader(r, n))
	f.copied += copied
	return copied, err
}

func TestFastUploadsAreCopiedByTheKernel(t *testing.T) {
	t.Parallel()
	bare, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	const large = 8 * bulkAfter
	for name, test := range map[string]struct {
		file   *os.File
		sent   int64
		kernel bool
	}{
		"large":                      {bare, large, true},
		"small":                      {bare, bulkAfter / 2, false},
		"a file that sees its bytes": {nil, large, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := connectedPair(t)
			conn := newDataConn(&transfer{session: rated(t, Bandwidth{}), ctx: t.Context()}, ours)
			defer conn.close()
			go func() {
				defer theirs.Close()
				theirs.Write(make([]byte, test.sent))
			}()
			file := &seenFile{bare: test.file}
			if n, err := conn.receive(file); n != test.sent || err != nil {
				t.Fatalf("received %d of %d bytes: %v", n, test.sent, err)
			}
			if file.inBlocks+file.copied != test.sent || (file.copied > 0) != test.kernel || conn.bytes() != test.sent {
				t.Errorf("%d bytes in blocks, %d by the kernel, %d counted", file.inBlocks, file.copied, conn.bytes())
			}
		})
	}
}

// connectedPair is the two ends of a TCP connection.
func connectedPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	theirs, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}
