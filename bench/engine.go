//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
)

// engineCommand makes this program the engine alone, over afero's base-path
// file system: what portico would be without a file layer of its own.
const engineCommand = "bare-engine-server"

func serveEngine(ctx context.Context, dir string, stdout io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	engine := ftpserver.NewFtpServer(bareEngine{listener: listener, fs: afero.NewBasePathFs(afero.NewOsFs(), dir)})
	engine.Logger = slog.New(slog.DiscardHandler)
	defer context.AfterFunc(ctx, func() { _ = engine.Stop() })()
	fmt.Fprintln(stdout, listener.Addr())
	err = engine.ListenAndServe()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// bareEngine is as little of a driver as the engine needs. It lets everybody in.
type bareEngine struct {
	listener net.Listener
	fs       afero.Fs
}

func (b bareEngine) GetSettings() (*ftpserver.Settings, error) {
	return &ftpserver.Settings{Listener: b.listener}, nil
}

func (bareEngine) ClientConnected(ftpserver.ClientContext) (string, error) { return "ready", nil }

func (bareEngine) ClientDisconnected(ftpserver.ClientContext) {}

func (b bareEngine) AuthUser(ftpserver.ClientContext, string, string) (ftpserver.ClientDriver, error) {
	return b.fs, nil
}

func (bareEngine) GetTLSConfig() (*tls.Config, error) { return nil, errors.New("no TLS") }
