// Command s3 is an FTP server whose users have their files in a bucket of Amazon
// S3, or of what speaks its protocol; gs://… and azblob://… work, too.
//
//	export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
//	go run ./examples/s3 -bucket 's3://my-bucket?region=eu-central-1'
//	curl -T FILE --user alice:wonderland ftp://127.0.0.1:2121/
//
// It is meant to be copied from.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/object/cloud"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// drainTime is how long transfers may take to finish after a signal.
const drainTime = 30 * time.Second

func main() {
	address := flag.String("bucket", "", "address of the bucket, such as s3://my-bucket?region=eu-central-1")
	listen := flag.String("listen", "127.0.0.1:2121", "address of FTP")
	passive := portalloc.PortList{{First: 21100, Last: 21103}}
	flag.TextVar(&passive, "passive", passive, "passive ports")
	flag.Parse()

	log := zap.Must(zap.NewProduction())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	control, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal("cannot listen", zap.Error(err))
	}
	if err := run(ctx, control, passive, *address, log); err != nil {
		log.Fatal("the program failed", zap.Error(err))
	}
}

// run serves until ctx is done and the sessions have ended. It closes control.
func run(ctx context.Context, control net.Listener, passive portalloc.PortList, address string, log *zap.Logger) error {
	defer control.Close()
	// The keys come from where the store's own tools take them.
	bucket, err := cloud.Open(ctx, address, cloud.Options{})
	if err != nil {
		return err
	}
	defer bucket.Close() // after the last session
	if err := bucket.Check(ctx, "ftp/"); err != nil {
		return fmt.Errorf("the bucket cannot be used: %w", err)
	}
	users, err := newUsers(bucket, map[string]string{"alice": "wonderland", "bob": "builder"})
	if err != nil {
		return err
	}
	ports, err := portalloc.New(portalloc.Options{Ports: passive, Logger: log})
	if err != nil {
		return err
	}
	defer ports.Close()
	srv, err := server.New(server.Options{Auth: users, Ports: ports, Logger: log})
	if err != nil {
		return err
	}
	defer srv.Close()

	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(control) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := srv.Shutdown(limit); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return srv.Close() // cuts off who takes too long
}

// newUsers gives each user what lies behind "ftp/NAME/" in the bucket.
func newUsers(bucket driver.Bucket, passwords map[string]string) (*driver.Users, error) {
	var list []driver.User
	for name, password := range passwords {
		hash, err := driver.HashPassword(password)
		if err != nil {
			return nil, err
		}
		list = append(list, driver.User{Name: name, PasswordHash: hash, Permissions: driver.AllPermissions})
	}
	home := driver.Storage{Kind: driver.StorageObject, Bucket: bucket, Prefix: "ftp/%u/"}
	return driver.NewUsers(list, driver.UsersOptions{Defaults: driver.User{Storage: home}})
}
