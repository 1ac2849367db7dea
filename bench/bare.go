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

// serveBare sends the file to everybody who sends one byte, and prints where
// it listens. io.Copy from a file to a TCP connection is sendfile(2). It ends
// with ctx.
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
		if err := sendBare(conn, file); err != nil {
			fmt.Fprintln(os.Stderr, "bare server:", err)
		}
	}
}

func sendBare(conn net.Conn, file string) error {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(conn, f)
	return err
}

// fetchBare takes the time from the request to the last byte.
func (s *server) fetchBare(buffer []byte) (int64, time.Duration, error) {
	conn, err := connect(s.address)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if _, err := conn.Write(buffer[:1]); err != nil {
		return 0, 0, errors.Join(err, conn.Close())
	}
	n, err := drain(conn, buffer)
	return n, time.Since(start), errors.Join(err, conn.Close())
}
