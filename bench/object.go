//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/portico-ftp/portico/e2e/s3server"
)

// sampleInterval is how often the memory is looked at.
const sampleInterval = 5 * time.Millisecond

// measureObject uploads 1 GiB to an S3 server on this machine, and looks at the
// memory all the while. It counts from before the login on.
func measureObject(ctx context.Context, l *lab, _ options) (rows []row, err error) {
	store, err := s3server.Start(ctx, filepath.Join(l.programs, "store"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s, err := l.startWith(100, map[string]any{
		"buckets": []any{map[string]any{"name": "b", "url": store.URL(store.Endpoint), "access_key": store.AccessKey, "secret_key": store.SecretKey}},
		"users":   []any{map[string]any{"name": userName, "password": l.hash, "storage": "object", "bucket": "b"}},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	before, err := s.residentMemory()
	if err != nil {
		return nil, err
	}
	watch := s.watchMemory()
	size, took, used, err := s.storeObject(l.password)
	most, watchErr := watch.stop()
	if err := errors.Join(err, watchErr, ctx.Err()); err != nil {
		return nil, err
	}
	grown := float64(most-before) / (1 << 20)
	return []row{
		{"Upload of 1 GiB to S3 (versitygw on this machine)", fmt.Sprintf("%.0f MiB/s, %.2f CPU s/GiB", float64(size)/took.Seconds()/(1<<20), used.Seconds()), "", unjudged},
		{fmt.Sprintf("RSS growth meanwhile, from %.0f MiB before the login", float64(before)/(1<<20)), fmt.Sprintf("%.0f MiB", grown), "at most 64 MiB", judge(grown <= 64)},
	}, nil
}

// storeObject logs in and uploads.
func (s *server) storeObject(password string) (size int64, took, used time.Duration, err error) {
	c, err := dial(s.address)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.login(userName, password); err != nil {
		return 0, 0, 0, err
	}
	before, err := s.processorTime()
	if err != nil {
		return 0, 0, 0, err
	}
	if size, took, err = c.storeLarge(make([]byte, 1<<20)); err != nil {
		return 0, 0, 0, err
	}
	after, err := s.processorTime()
	return size, took, after - before, err
}

// memoryWatch is the most memory that a server has had.
type memoryWatch struct {
	server *server
	end    chan struct{}
	done   sync.WaitGroup
	most   int64 // after done, as err
	err    error
}

func (s *server) watchMemory() *memoryWatch {
	w := &memoryWatch{server: s, end: make(chan struct{})}
	w.done.Go(w.run)
	return w
}

func (w *memoryWatch) run() {
	ticker := time.NewTicker(sampleInterval)
	defer ticker.Stop()
	for {
		now, err := w.server.residentMemory()
		w.most, w.err = max(w.most, now), errors.Join(w.err, err)
		select {
		case <-w.end:
			return
		case <-ticker.C:
		}
	}
}

func (w *memoryWatch) stop() (int64, error) {
	close(w.end)
	w.done.Wait()
	return w.most, w.err
}
