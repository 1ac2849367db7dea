// Package cloud opens buckets of Amazon S3 and what speaks its protocol, of
// Google Cloud Storage and of Azure Blob Storage, for package object. It links
// the clients of all three; a program that needs only one imports that one from
// gocloud.dev/blob instead and uses blob.OpenBucket and object.New.
package cloud

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	// Each knows a scheme of bucket addresses.
	_ "gocloud.dev/blob/azureblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"

	"github.com/portico-ftp/portico/driver/object"
)

// Storage is a bucket as a storage for package driver. The caller closes it
// after the last use.
type Storage struct {
	*object.FS
	bucket *blob.Bucket
}

// Close ends the use of the bucket.
func (s *Storage) Close() error { return s.bucket.Close() }

// schemes are those of Open.
func schemes() []string { return []string{"s3", "gs", "azblob"} }

// Open opens the bucket that an address names, such as
//
//	s3://my-bucket?region=eu-central-1
//	s3://my-bucket?endpoint=https://minio.example.org&use_path_style=true&region=us-east-1
//	gs://my-bucket
//	azblob://my-container
//
// Keys and accounts come from where the store's own tools take them: the
// environment, configuration files, or the machine's identity. The address must
// not hold them. Nothing is sent yet, so a bucket that does not exist is found
// out by its first use. The options' BeforeWrite must be nil.
func Open(ctx context.Context, address string, opts object.Options) (*Storage, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("cloud: this is not the address of a bucket: use one such as s3://my-bucket?region=eu-central-1")
	}
	switch {
	case parsed.User != nil:
		return nil, fmt.Errorf("cloud: bucket %q: an address holds no password: give the keys in the environment, such as AWS_ACCESS_KEY_ID", parsed.Redacted())
	case !slices.Contains(schemes(), parsed.Scheme):
		return nil, fmt.Errorf("cloud: bucket %q: %q is not a kind of object store: use %s", address, parsed.Scheme, strings.Join(schemes(), ", "))
	case parsed.Host == "":
		return nil, fmt.Errorf("cloud: bucket %q has no name: use an address such as %s://my-bucket", address, parsed.Scheme)
	}
	bucket, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("cloud: bucket %q: %w", address, err)
	}
	var client *s3.Client
	if bucket.As(&client) {
		opts.BeforeWrite = forgetful(client, opts)
	}
	return &Storage{FS: object.New(bucket, opts), bucket: bucket}, nil
}
