//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// uploadPrefix begins the names of uploaded files.
const uploadPrefix = "up-"

// cryptBlock is how much a client encrypts or decrypts at a time.
const cryptBlock = 256 << 10

// stream is a number of transfers of large files at one time.
type stream struct {
	kind    kind
	protect protection
	streams int
	file    string
	size    int64
}

func streamRows() []row {
	var all []row
	for _, way := range []struct {
		name         string
		plain, crypt kind
	}{{"download", downloadPlain, downloadTLS}, {"upload", uploadPlain, uploadTLS}} {
		for _, p := range []struct {
			name    string
			protect protection
		}{{"plain", inClear}, {"tls12", tls12}, {"tls13", tls13}} {
			for _, streams := range []int{1, 8} {
				s := stream{way.plain, p.protect, streams, largeFile, largeSize}
				switch {
				case p.protect != inClear && streams == 1:
					s.kind, s.file, s.size = way.crypt, halfFile, halfSize
				case p.protect != inClear:
					s.kind, s.file, s.size = way.crypt, shareFile, shareSize
				case streams > 1:
					s.file, s.size = partFile, partSize
				}
				all = append(all, row{
					name:  fmt.Sprintf("%s-%s-%d", way.name, p.name, streams),
					title: fmt.Sprintf("%s, %s, %s of %d MiB", way.name, p.name, plural(streams, "stream"), s.size>>20),
					kind:  s.kind, metrics: []metric{gibRate, gibCPU},
					prepare: func(l *lab) error { return l.provide(s.file, s.size) },
					measure: s.measure,
				})
			}
		}
	}
	return all
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// measure takes the time from the first command to the last reply, with all
// sessions logged in before.
func (s stream) measure(ctx context.Context, l *lab, srv *server, _ options) (sample, error) {
	if err := l.clearUploads(); err != nil {
		return sample{}, err
	}
	move := s.moveFTP
	sessions := make([]*session, s.streams)
	if srv.name == bareName {
		move = s.moveBare
	} else {
		for i := range sessions {
			c, err := l.open(srv, s.protect, localHost)
			if err != nil {
				return sample{}, err
			}
			defer c.close()
			sessions[i] = c
		}
	}
	buffers := make([][]byte, s.streams)
	for i := range buffers {
		buffers[i] = make([]byte, cryptBlock)
	}
	before, err := srv.group.usage()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	err = inParallel(s.streams, func(i int) error { return move(l, srv, sessions[i], i, buffers[i]) })
	took := time.Since(start)
	after, usageErr := srv.group.usage()
	if err := errors.Join(err, usageErr, ctx.Err()); err != nil {
		return sample{}, err
	}
	bytes := float64(s.size) * float64(s.streams)
	return sample{values: []float64{bytes / took.Seconds(), (after - before).Seconds() / (bytes / (1 << 30))}}, nil
}

func (s stream) download() bool { return s.kind == downloadPlain || s.kind == downloadTLS }

func (s stream) moveFTP(l *lab, _ *server, c *session, i int, buffer []byte) error {
	if s.download() {
		n, err := c.get("RETR "+s.file, buffer)
		return s.check(n, err)
	}
	f, err := os.Open(filepath.Join(l.home, s.file))
	if err != nil {
		return err
	}
	defer f.Close()
	return c.put(fmt.Sprintf("STOR %s%d", uploadPrefix, i), f, s.size, buffer)
}

func (s stream) moveBare(l *lab, srv *server, _ *session, i int, _ []byte) error {
	if s.download() {
		conn, err := askBare(srv.address, bareDownload, s.file)
		if err != nil {
			return err
		}
		n, err := conn.discard()
		return s.check(n, errors.Join(err, conn.Close()))
	}
	f, err := os.Open(filepath.Join(l.home, s.file))
	if err != nil {
		return err
	}
	defer f.Close()
	conn, err := askBare(srv.address, bareUpload, fmt.Sprint(uploadPrefix, i))
	if err != nil {
		return err
	}
	_, err = conn.sendFile(f, s.size)
	if err := errors.Join(err, conn.closeWrite()); err != nil {
		return errors.Join(err, conn.Close())
	}
	n, err := conn.discard()
	if err == nil && n != 1 {
		err = errors.New("the upload is not confirmed")
	}
	return errors.Join(err, conn.Close())
}

func (s stream) check(n int64, err error) error {
	if err == nil && n != s.size {
		return fmt.Errorf("%s brings %d bytes, want %d", s.file, n, s.size)
	}
	return err
}

// inParallel runs n calls at one time and returns what failed.
func inParallel(n int, call func(int) error) error {
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- call(i) }()
	}
	var all []error
	for range n {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}
