package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/object"
	"github.com/portico-ftp/portico/driver/object/cloud"
)

// bucketTimeout is how long all buckets together may take to answer a check.
const bucketTimeout = 10 * time.Second

// bucket is one of the configuration's, open and shared by all that are in it.
type bucket struct {
	key     string // buckets[0]
	config  config.Bucket
	storage *cloud.Storage
	// isBorrowed says that the setup before has opened it, and will close it.
	isBorrowed bool
	// probe is the prefix of the first that is in it, nil before: keys may be good
	// for that alone.
	probe *string
}

// openBuckets makes the clients of all buckets, and asks nothing of them: a
// store may be down when the server starts. closeBuckets closes them.
func (s *setup) openBuckets(ctx context.Context, before *setup) error {
	var faults []error
	for i, b := range s.config.Buckets {
		key := fmt.Sprintf("buckets[%d]", i)
		if same := before.bucketOf(b); same != nil {
			s.buckets = append(s.buckets, &bucket{key: key, config: b, storage: same.storage, isBorrowed: true})
			continue
		}
		storage, err := cloud.Open(ctx, b.URL, cloud.Options{
			Options:         object.Options{PartSize: int(b.PartSize)},
			AccessKey:       b.AccessKey,
			SecretKey:       b.SecretKey.Reveal(),
			CredentialsFile: string(b.CredentialsFile),
		})
		if err != nil {
			faults = append(faults, s.fault(key, "%v", err))
			continue
		}
		s.buckets = append(s.buckets, &bucket{key: key, config: b, storage: storage})
	}
	return errors.Join(faults...)
}

// closeBuckets ends their use. No session may be left.
func (s *setup) closeBuckets() error {
	var faults []error
	for _, b := range s.buckets {
		if !b.isBorrowed {
			faults = append(faults, b.storage.Close())
		}
	}
	s.buckets = nil
	return errors.Join(faults...)
}

// bucketOf returns the bucket that is open for exactly these settings, nil if
// there is none.
func (s *setup) bucketOf(settings config.Bucket) *bucket {
	if s == nil {
		return nil
	}
	for _, b := range s.buckets {
		if b.config == settings {
			return b
		}
	}
	return nil
}

// objectStorage is the storage of a home or a mount in a bucket. User is the
// user's name, "" for a group. Of a bucket that could not be opened there is
// none, which was told.
func (s *setup) objectStorage(key, user string, p config.Place) (driver.Storage, error) {
	prefix, _, _ := strings.Cut(p.Prefix, "%")
	if user != "" {
		var err error
		if prefix, err = driver.ExpandDir(p.Prefix, user); err != nil {
			return driver.Storage{}, s.fault(key+".prefix", "%v", err)
		}
	}
	storage := driver.Storage{Kind: driver.StorageObject, Prefix: p.Prefix}
	for _, b := range s.buckets {
		if b.config.Name != p.Bucket {
			continue
		}
		if storage.Bucket = b.storage.FS; b.probe == nil {
			b.probe = &prefix
		}
	}
	return storage, nil
}

// tryBuckets asks something of each bucket and returns what went wrong, in
// their order, nil for what did not.
func (s *setup) tryBuckets(ctx context.Context) []error {
	ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
	defer cancel()
	failures := make([]error, len(s.buckets))
	var all sync.WaitGroup
	for i, b := range s.buckets {
		all.Go(func() { failures[i] = b.try(ctx) })
	}
	all.Wait()
	return failures
}

func (b *bucket) try(ctx context.Context) error {
	prefix := ""
	if b.probe != nil {
		prefix = *b.probe
	}
	err := b.storage.Check(ctx, prefix)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %v: look at the address, and at what is between: %w", bucketTimeout, err)
	default:
		return fmt.Errorf("cannot be listed: look at the address, the keys and their rights: %w", err)
	}
}

// checkBuckets reports on all of them.
func (s *setup) checkBuckets(ctx context.Context, r *report) {
	for i, err := range s.tryBuckets(ctx) {
		b := s.buckets[i]
		if err != nil {
			err = s.fault(b.key+".url", "%v", err)
		}
		r.add("bucket "+b.config.Name, b.config.URL, err)
	}
}

// watchBuckets does logBuckets beside the start of the server, which need not
// wait. Stop ends it and waits for that.
func (s *setup) watchBuckets(ctx context.Context, log *zap.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { s.logBuckets(ctx, log) })
	return func() {
		cancel()
		done.Wait()
	}
}

// logBuckets warns about those that clients cannot use at present. The server
// serves all the same: they may come back.
func (s *setup) logBuckets(ctx context.Context, log *zap.Logger) {
	for i, err := range s.tryBuckets(ctx) {
		if err != nil && ctx.Err() == nil {
			log.Warn("a bucket cannot be used", zap.String("setting", s.buckets[i].key), zap.String("bucket", s.buckets[i].config.Name), zap.Error(err))
		}
	}
}
