//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// bareCommand makes this program the server that portico is compared with.
const bareCommand = "bare-sendfile-server"

// What a client of the bare server asks for with its first byte.
const (
	bareDownload = 'd' // by sendfile(2), which io.Copy from a file to a TCP connection is
	bareSplice   = 's' // an upload by splice(2), which io.Copy the other way is
	bareBlocks   = 'b' // an upload by read and write of 4 MiB
)

// serveBare sends the file to everybody who asks, or takes an upload beside it,
// and prints where it listens. It ends with ctx.
func serveBare(ctx context.Context, file string, stdout io.Writer) error {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	fmt.Fprintln(stdout, listener.Addr())
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answerBare(conn, file); err != nil {
			fmt.Fprintln(os.Stderr, "bare server:", err)
		}
	}
}

func answerBare(conn net.Conn, file string) error {
	defer conn.Close()
	kind := make([]byte, 1)
	if _, err := io.ReadFull(conn, kind); err != nil {
		return err
	}
	if kind[0] != bareDownload {
		return takeBare(conn, file+".up", kind[0])
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(conn, f)
	return err
}

// takeBare replaces the file of the last upload by a new one, as portico does
// when the upload is complete: memory for both is needed meanwhile, and getting
// it may cost more than the copy.
func takeBare(conn net.Conn, file string, kind byte) error {
	f, err := os.Create(file + ".new")
	if err != nil {
		return err
	}
	if kind == bareSplice {
		_, err = io.Copy(f, conn)
	} else {
		_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{conn}, make([]byte, 4<<20))
	}
	if err := errors.Join(err, f.Close(), os.Rename(file+".new", file)); err != nil {
		return err
	}
	_, err = conn.Write([]byte("."))
	return err
}

// fetchBare takes the time from the request to the last byte.
func (s *server) fetchBare(buffer []byte) (int64, time.Duration, error) {
	conn, err := connect(s.address)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if _, err := conn.Write([]byte{bareDownload}); err != nil {
		return 0, 0, errors.Join(err, conn.Close())
	}
	n, err := drain(conn, buffer)
	return n, time.Since(start), errors.Join(err, conn.Close())
}
