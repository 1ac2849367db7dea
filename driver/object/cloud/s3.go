package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/portico-ftp/portico/driver/object"
)

const (
	// forgetTime is how long S3 may take to forget an upload.
	forgetTime = 30 * time.Second
	// rereadTime is after how long a file with keys is read again: whoever
	// changes keys leaves the old ones in force for longer.
	rereadTime = time.Minute
)

func (o *Options) openS3(ctx context.Context, address *url.URL) (*blob.Bucket, error) {
	keys, err := o.keysS3(ctx, address.Query().Get("profile"))
	if err != nil {
		return nil, err
	}
	if keys != nil { // the profile was one of the file's
		query := address.Query()
		query.Del("profile")
		address.RawQuery = query.Encode()
	}
	bucket, err := new(s3blob.URLOpener).OpenBucketURL(ctx, address)
	if err != nil {
		return nil, err
	}
	var client *s3.Client
	if !bucket.As(&client) {
		return nil, errors.Join(errors.New("this is no client of S3"), bucket.Close())
	}
	if client.Options().Region == "" {
		return nil, errors.Join(errors.New("the region is missing: add ?region=eu-central-1 to the address, or set AWS_REGION; other servers than Amazon's take us-east-1"), bucket.Close())
	}
	// The bucket holds this very client, and an address has no place for this.
	*client = *s3.New(client.Options(), func(o *s3.Options) {
		o.Logger = logging.Nop{} // otherwise each download of an object in parts writes to standard error
		if keys != nil {
			o.Credentials = aws.NewCredentialsCache(keys)
		}
	})
	o.BeforeWrite = forgetful(client, o.Options)
	return bucket, nil
}

// keysS3 returns nil where the client is to look for keys itself.
func (o *Options) keysS3(ctx context.Context, profile string) (aws.CredentialsProvider, error) {
	switch {
	case o.AccessKey != "":
		return credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, ""), nil
	case o.CredentialsFile == "":
		return nil, nil
	case profile == "":
		profile = config.DefaultSharedConfigProfile
	}
	keys := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		return readKeysS3(ctx, o.CredentialsFile, profile)
	})
	_, err := keys.Retrieve(ctx)
	return keys, err
}

func readKeysS3(ctx context.Context, file, profile string) (aws.Credentials, error) {
	found, err := config.LoadSharedConfigProfile(ctx, profile, func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{file}, []string{}
	})
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("keys in %s: %w", file, err)
	}
	keys := found.Credentials
	if !keys.HasKeys() {
		return aws.Credentials{}, fmt.Errorf("%s has no keys in [%s]: write aws_access_key_id and aws_secret_access_key there", file, profile)
	}
	keys.CanExpire, keys.Expires = true, time.Now().Add(rereadTime)
	return keys, nil
}

// forgetful returns an object.Options.BeforeWrite that puts another upload
// manager in the place of s3blob's, which cannot abort an upload whose context
// is done, cuts the parts that are on their way then, and keeps the first 16 MiB
// of each in memory whatever the size of its parts.
func forgetful(client *s3.Client, opts object.Options) func(asFunc func(any) bool) error {
	if opts.PartSize <= 0 {
		opts.PartSize = object.DefaultPartSize
	}
	if opts.Concurrency <= 0 {
		opts.Concurrency = object.DefaultConcurrency
	}
	return func(asFunc func(any) bool) error {
		var manager *transfermanager.Client
		if !asFunc(&manager) {
			return nil
		}
		*manager = *transfermanager.New(wholeParts{client}, func(o *transfermanager.Options) {
			o.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
			o.PartSizeBytes = int64(opts.PartSize)
			o.MultipartUploadThreshold = int64(opts.PartSize)
			o.Concurrency = opts.Concurrency
			o.FailTimeout = forgetTime
		})
		return nil
	}
}

// partTime is how long a part may be on its way after its upload was called off.
const partTime = 5 * time.Second

// wholeParts lets parts that are on their way arrive. A store may go on with a
// part whose connection was cut, and keep it for good when that comes after the
// upload was aborted.
type wholeParts struct{ *s3.Client }

// UploadPart implements transfermanager.S3APIClient.
func (c wholeParts) UploadPart(ctx context.Context, in *s3.UploadPartInput, opts ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(partTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-own.Done():
		}
	})
	defer stop()
	return c.Client.UploadPart(own, in, opts...)
}
