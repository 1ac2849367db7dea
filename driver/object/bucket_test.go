package object_test

import (
	"errors"
	"os"
	"testing"

	"github.com/spf13/afero"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/portico-ftp/portico/driver/object"
)

func TestSubSharesTheBucket(t *testing.T) {
	t.Parallel()
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { must(t, bucket.Close()) })
	all := object.New(bucket, object.Options{Prefix: "ftp"})
	alice := all.Sub("users/alice")
	must(t, afero.WriteFile(alice, "/file", []byte("hers"), 0))
	if got, err := bucket.ReadAll(t.Context(), "ftp/users/alice/file"); err != nil || string(got) != "hers" {
		t.Errorf("the object holds %q, %v", got, err)
	}
	if _, err := all.Sub("users/ali").Stat("/ce/file"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("somebody whose name is a part of hers: %v, want os.ErrNotExist", err)
	}
	if _, err := alice.Stat("/../bob/file"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a path that leads out: %v, want os.ErrNotExist", err)
	}
	must(t, all.Check(t.Context(), ""))
	must(t, all.Check(t.Context(), "users/nobody"))
}

func TestCheckFindsBucketsThatAreGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bucket, err := fileblob.OpenBucket(dir, nil)
	must(t, err)
	fs := object.New(bucket, object.Options{})
	must(t, fs.Check(t.Context(), ""))
	must(t, bucket.Close())
	if fs.Check(t.Context(), "") == nil {
		t.Error("a closed bucket passes")
	}
}
