package main

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jlaffaye/ftp"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/e2e/s3server"
	"github.com/portico-ftp/portico/portalloc"
)

const within = time.Minute

// TestTheProgram uses the program with a real S3 server behind it. It is not
// parallel, because the keys are in the environment.
func TestTheProgram(t *testing.T) {
	store := s3server.Need(t)
	t.Setenv("AWS_ACCESS_KEY_ID", store.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", store.SecretKey)
	control, ports := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, control, ports, store.URL(store.Endpoint), zap.NewNop()) }()

	alice := login(t, control, "alice", "wonderland")
	if err := alice.Stor("/report.txt", strings.NewReader("done")); err != nil {
		t.Fatal(err)
	}
	found, err := store.Client(store.Endpoint).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(s3server.Bucket), Key: aws.String("ftp/alice/report.txt")})
	if err != nil {
		t.Fatal(err)
	}
	defer found.Body.Close()
	if content, err := io.ReadAll(found.Body); err != nil || string(content) != "done" {
		t.Errorf("the object holds %q, %v", content, err)
	}
	file, err := alice.Retr("/report.txt")
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(file); err != nil || string(content) != "done" {
		t.Errorf("the download brings %q, %v", content, err)
	}
	file.Close()
	bob := login(t, control, "bob", "builder")
	if names, err := bob.NameList("/"); err != nil || len(names) > 0 {
		t.Errorf("bob sees %v, %v", names, err)
	}

	stop() // with both logged in
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the program ended with %v", err)
		}
	case <-time.After(within):
		t.Error("the program does not end")
	}
}

func TestABucketThatCannotBeUsed(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "nothing")
	for _, address := range []string{"", "my-bucket", "ftp://my-bucket"} {
		control, ports := listen(t)
		if err := run(t.Context(), control, ports, address, zap.NewNop()); err == nil {
			t.Errorf("%q is taken for a bucket", address)
		}
	}
}

// listen returns a control listener, and two free passive ports.
func listen(t *testing.T) (net.Listener, portalloc.PortList) {
	t.Helper()
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ports portalloc.PortList
	for range 2 {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // at the end, so that no port comes twice
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		ports = append(ports, portalloc.PortRange{First: port, Last: port})
	}
	return control, ports
}

func login(t *testing.T, control net.Listener, user, password string) *ftp.ServerConn {
	t.Helper()
	client, err := ftp.Dial(control.Addr().String(), ftp.DialWithTimeout(within))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Login(user, password); err != nil {
		t.Fatal(err)
	}
	return client
}
