package cloud

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/portico-ftp/portico/driver/object"
)

// forgetTime is how long S3 may take to forget an upload.
const forgetTime = 30 * time.Second

// forgetful returns an object.Options.BeforeWrite that puts another upload manager in the place of s3blob's, which cannot
// abort an upload whose context is done, and keeps the first 16 MiB of each in
// memory whatever the size of its parts.
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
		*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
			o.RequestChecksumCalculation = client.Options().RequestChecksumCalculation
			o.PartSizeBytes = int64(opts.PartSize)
			o.MultipartUploadThreshold = int64(opts.PartSize)
			o.Concurrency = opts.Concurrency
			o.FailTimeout = forgetTime
		})
		return nil
	}
}
