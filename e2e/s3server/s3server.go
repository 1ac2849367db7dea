// Package s3server runs a real S3 server for tests and measurements: versitygw,
// on a directory, as a process of its own on the loopback interface. Its
// version is pinned in a module of its own, so that its dependencies are not
// Portico's; Go builds it at the first use and keeps it in its build cache.
package s3server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	// Region is the one that requests must be signed for.
	Region = "us-east-1"
	// Bucket is the name of the bucket that there is.
	Bucket = "portico"

	startLimit = 30 * time.Second
)

// Server is a running server. Its methods are safe for concurrent use, but for
// Close.
type Server struct {
	// Endpoint is its address, "http://127.0.0.1:PORT".
	Endpoint string
	// AccessKey and SecretKey may do everything.
	AccessKey, SecretKey string

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	said bytes.Buffer  // to be read then
}

// Program builds the server where it has not been built, which takes minutes,
// and returns its path.
func Program() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.Command("go", "tool", "-n", "versitygw")
	cmd.Dir = filepath.Join(filepath.Dir(here), "versitygw")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	path, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build versitygw: %w\n%s", err, stderr.Bytes())
	}
	return strings.TrimSpace(string(path)), nil
}

// Start starts a server that keeps everything in dir, which it makes if it is
// missing, and which must be empty and in a file system with extended
// attributes. It makes the bucket. The caller closes the server, and removes dir.
func Start(ctx context.Context, dir string) (*Server, error) {
	program, err := Program()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var s *Server
	for range 5 { // another program may take the port in between
		if s, err = launch(ctx, program, dir); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	_, err = s.Client(s.Endpoint).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(Bucket)})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the bucket: %w", err), s.Close())
	}
	return s, nil
}

func launch(ctx context.Context, program, dir string) (*Server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &Server{Endpoint: "http://" + address, AccessKey: "tester", SecretKey: "secret-" + rand.Text(), done: make(chan struct{})}
	s.cmd = exec.Command(program, "--port", address, "--region", Region, "--quiet", "--keep-alive", "posix", dir)
	s.cmd.Env = []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey, "HOME=" + dir}
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	endWithParent(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go s.wait()
	if err := s.await(ctx, address); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *Server) wait() {
	_ = s.cmd.Wait() // it is killed
	close(s.done)
}

func (s *Server) await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("versitygw has ended:\n%s", s.said.Bytes())
		case <-ctx.Done():
			return fmt.Errorf("versitygw does not answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Close ends the server. It may be called twice.
func (s *Server) Close() error {
	err := s.cmd.Process.Kill()
	<-s.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Client returns a client that reaches the server at an endpoint: its own, or
// that of a proxy in front of it.
func (s *Server) Client(endpoint string) *s3.Client {
	return s3.New(s3.Options{
		Region:       Region,
		BaseEndpoint: aws.String(endpoint),
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
}

// URL is the address of the bucket as Portico opens it, by way of an endpoint
// as in Client.
func (s *Server) URL(endpoint string) string {
	return "s3://" + Bucket + "?" + url.Values{"region": {Region}, "use_path_style": {"true"}, "endpoint": {endpoint}}.Encode()
}

// Unfinished counts the uploads in parts that were neither completed nor
// aborted, of keys with this prefix.
func (s *Server) Unfinished(ctx context.Context, prefix string) (int, error) {
	list, err := s.Client(s.Endpoint).ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(Bucket), Prefix: aws.String(prefix)})
	if err != nil {
		return 0, err
	}
	return len(list.Uploads), nil
}
