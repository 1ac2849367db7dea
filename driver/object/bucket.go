package object

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/afero"
	"gocloud.dev/blob"

	"github.com/portico-ftp/portico/driver"
)

var _ driver.Bucket = (*FS)(nil)

// Sub returns the file system behind a longer prefix, in the same bucket and
// with the same options: the home of a user in a bucket that many share. A
// slash at the prefix's end is added if it is missing.
func (f *FS) Sub(prefix string) afero.Fs {
	opts := f.opts
	opts.Prefix += prefix
	return New(f.bucket, opts)
}

// Check asks the store for the first object behind a prefix, as in Sub, and so
// whether the bucket is there and may be listed. That there is no object is no
// error; that there is no bucket is one that wraps os.ErrNotExist. Ctx bounds
// it.
func (f *FS) Check(ctx context.Context, prefix string) error {
	_, _, err := f.bucket.ListPage(ctx, blob.FirstPageToken, 1, &blob.ListOptions{Prefix: f.opts.Prefix + prefix})
	if err = fromStore(err); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no such bucket: %w", err)
	}
	return err
}
