package cloud_test

import (
	"context"
	"fmt"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/object/cloud"
)

// Nothing is asked of the store yet.
func ExampleOpen() {
	bucket, err := cloud.Open(context.Background(), "s3://my-bucket?region=eu-central-1", cloud.Options{AccessKey: "AKIA…", SecretKey: "…"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bucket.Close()
	home := driver.Storage{Kind: driver.StorageObject, Bucket: bucket, Prefix: "%u/"}
	fmt.Println(home.Kind)
	// Output: object
}
