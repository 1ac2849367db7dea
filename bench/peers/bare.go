//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// bareCommand makes this program a server with no protocol: what the machine can
// do, for each connection with sendfile(2) one way and splice(2) the other.
const (
	bareCommand = "bare-sendfile-server"
	bareName    = "bare loop"
)

// bare only moves bytes. That needs no reason in the table.
var bare = &peer{name: bareName, command: startBare, lacks: map[kind]string{
	downloadTLS: "", uploadTLS: "", smallRetr: "", smallStor: "", logins: "", churn: "", list: "", mlsd: "", idle: "", exhaustion: "",
}}

func startBare(l *lab, p ports) (*exec.Cmd, error) {
	return asUser(l.self, bareCommand, p.address(), l.home), nil
}

// serveBare takes an address and a folder. A request is 'd' or 'u', the length of
// a file's name in one byte, and the name. An upload ends when its connection is
// closed that way and is confirmed by one byte.
func serveBare(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("%s takes an address and a folder", bareCommand)
	}
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	listener, err := config.Listen(ctx, "tcp", args[0])
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go answerBare(conn, args[1])
	}
}

// answerBare ends with its connection.
func answerBare(conn net.Conn, dir string) {
	defer conn.Close()
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return // somebody looked whether we are there
	}
	name := make([]byte, head[1])
	if _, err := io.ReadFull(conn, name); err != nil {
		return
	}
	if err := moveBare(conn, head[0] == bareDownload, filepath.Join(dir, filepath.Base(string(name)))); err != nil {
		fmt.Fprintln(os.Stderr, "bare server:", err)
	}
}

const (
	bareDownload = 'd'
	bareUpload   = 'u'
)

func moveBare(conn net.Conn, download bool, path string) error {
	if download {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(conn, f)
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, conn)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = conn.Write([]byte{'.'})
	return err
}

// askBare connects and sends a request.
func askBare(address string, request byte, file string) (*socket, error) {
	s, err := connect(localHost, address)
	if err != nil {
		return nil, err
	}
	line := append([]byte{request, byte(len(file))}, file...)
	if _, err := s.Write(line); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}
