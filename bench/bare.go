//go:build linux

package main

import (
	"context"
	"crypto/tls"
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
	bareDownload    = 'd' // by sendfile(2), which io.Copy from a file to a TCP connection is
	bareReads       = 'r' // by read and write of 256 KiB
	bareSplice      = 's' // an upload by splice(2), which io.Copy the other way is
	bareSmallBlocks = 'B' // an upload by read and write of 256 KiB
	bareBlocks      = 'b' // the same of 4 MiB
	bareTLSDownload = 'D' // by io.Copy from a file to a tls.Conn
	bareTLSUpload   = 'U' // by io.Copy the other way
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
	encryption, err := selfSigned()
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, listener.Addr())
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answerBare(conn, file, encryption); err != nil {
			fmt.Fprintln(os.Stderr, "bare server:", err)
		}
	}
}

func answerBare(raw net.Conn, file string, encryption *tls.Config) (err error) {
	defer raw.Close()
	kind := make([]byte, 1)
	if _, err := io.ReadFull(raw, kind); err != nil {
		return err
	}
	conn := raw
	if kind[0] == bareTLSDownload || kind[0] == bareTLSUpload {
		conn = tls.Server(raw, encryption)
		defer func() { err = errors.Join(err, conn.Close()) }()
	}
	switch kind[0] {
	case bareDownload, bareTLSDownload, bareReads:
		return sendBare(conn, file, kind[0])
	default:
		return takeBare(conn, file+".up", kind[0])
	}
}

func sendBare(conn net.Conn, file string, kind byte) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if kind == bareReads {
		return copyInBlocks(conn, f, 256<<10)
	}
	_, err = io.Copy(conn, f)
	return err
}

// copyInBlocks keeps io.Copy from handing the copy to the kernel.
func copyInBlocks(dst io.Writer, src io.Reader, size int) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, make([]byte, size))
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
	switch kind {
	case bareSmallBlocks:
		err = copyInBlocks(f, conn, 256<<10)
	case bareBlocks:
		err = copyInBlocks(f, conn, 4<<20)
	default:
		_, err = io.Copy(f, conn)
	}
	if err := errors.Join(err, f.Close(), os.Rename(file+".new", file)); err != nil {
		return err
	}
	_, err = conn.Write([]byte("."))
	return err
}

// fetchBare takes the time from the request to the last byte.
func (s *server) fetchBare(kind byte) func([]byte) (int64, time.Duration, error) {
	return func(buffer []byte) (int64, time.Duration, error) {
		start := time.Now()
		conn, err := s.askBare(kind)
		if err != nil {
			return 0, 0, err
		}
		n, err := drain(conn, buffer)
		return n, time.Since(start), errors.Join(err, conn.Close())
	}
}

// askBare connects and sends a request.
func (s *server) askBare(kind byte) (net.Conn, error) {
	conn, err := connect(s.address)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{kind}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if kind == bareTLSDownload || kind == bareTLSUpload {
		return tls.Client(conn, clientTLS("bare")), nil
	}
	return conn, nil
}
