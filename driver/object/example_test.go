package object_test

import (
	"context"
	"fmt"
	"log"

	"github.com/spf13/afero"
	"gocloud.dev/blob/memblob"

	"github.com/portico-ftp/portico/driver/object"
)

func ExampleNew() {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	home := object.New(bucket, object.Options{Prefix: "ftp/"}).Sub("alice")
	if err := afero.WriteFile(home, "/report.txt", []byte("done"), 0); err != nil {
		log.Fatal(err)
	}
	content, err := bucket.ReadAll(context.Background(), "ftp/alice/report.txt")
	fmt.Println(string(content), err)
	// Output: done <nil>
}
