// Package cloud opens buckets of Amazon S3 and what speaks its protocol, of
// Google Cloud Storage and of Azure Blob Storage, for package object.
//
//	bucket, err := cloud.Open(ctx, "s3://my-bucket?region=eu-central-1", cloud.Options{})
//	if err != nil {
//		return err
//	}
//	defer bucket.Close()
//	home := driver.Storage{Kind: driver.StorageObject, Bucket: bucket, Prefix: "%u/"}
//
// It links
// the clients of all three; a program that needs only one imports that one from
// gocloud.dev/blob instead and uses blob.OpenBucket and object.New.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gocloud.dev/blob"

	"github.com/portico-ftp/portico/driver/object"
)

// Options configures Open. Without keys and file, they come from where the
// store's own tools take them: the environment, their files, or the machine's
// identity.
type Options struct {
	// Options are those of the file system. BeforeWrite must be nil.
	object.Options
	// AccessKey is the ID of an S3 access key, or the name of an Azure storage
	// account.
	AccessKey string
	// SecretKey belongs to it.
	SecretKey string
	// CredentialsFile is a file with the keys instead: for S3 in the form of
	// ~/.aws/credentials, of which the URL's profile counts, and which is read
	// again when it has changed; for Google Cloud Storage the JSON of a service
	// account.
	CredentialsFile string
}

// Storage is a bucket as a storage for package driver. The caller closes it
// after the last use, of what Sub has returned as well.
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
// The address must not hold keys. Nothing is asked of the bucket yet, so one
// that does not exist is found out by its first use, or by Check.
func Open(ctx context.Context, address string, opts Options) (*Storage, error) {
	parsed, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("cloud: this is not the address of a bucket: use one such as s3://my-bucket?region=eu-central-1")
	case parsed.User != nil:
		return nil, fmt.Errorf("cloud: bucket %q: an address holds no password: give the keys apart from it, or in the environment, such as AWS_ACCESS_KEY_ID", parsed.Redacted())
	case !slices.Contains(schemes(), parsed.Scheme):
		return nil, fmt.Errorf("cloud: bucket %q: %q is not a kind of object store: use %s", address, parsed.Scheme, strings.Join(schemes(), ", "))
	case parsed.Host == "":
		return nil, fmt.Errorf("cloud: bucket %q has no name: use an address such as %s://my-bucket", address, parsed.Scheme)
	}
	// The clients keep it for as long as they renew what keys they have.
	bucket, err := opts.open(context.WithoutCancel(ctx), parsed)
	if err != nil {
		return nil, fmt.Errorf("cloud: bucket %q: %w", address, err)
	}
	return &Storage{FS: object.New(bucket, opts.Options), bucket: bucket}, nil
}

func (o *Options) open(ctx context.Context, address *url.URL) (*blob.Bucket, error) {
	switch {
	case (o.AccessKey == "") != (o.SecretKey == ""):
		return nil, errors.New("an access key and a secret key belong together: give both or neither")
	case o.AccessKey != "" && o.CredentialsFile != "":
		return nil, errors.New("the keys are given twice: as such, and in a file")
	}
	switch address.Scheme {
	case "s3":
		return o.openS3(ctx, address)
	case "gs":
		return o.openGoogle(ctx, address)
	default:
		return o.openAzure(ctx, address)
	}
}
