//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strconv"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
)

// plainCommand makes this program an ftpserverlib server over afero: what the
// engine that portico is built on does by itself.
const plainCommand = "plain-ftpserverlib-server"

var plain = &peer{name: "ftpserverlib", command: startPlain}

func startPlain(l *lab, p ports) (*exec.Cmd, error) {
	return asUser(l.self, plainCommand, p.address(), strconv.Itoa(p.first), strconv.Itoa(p.last), l.home, l.password, l.certificate(), l.key()), nil
}

// servePlain takes what startPlain gives and serves until ctx ends.
func servePlain(ctx context.Context, args []string) error {
	if len(args) != 7 {
		return fmt.Errorf("%s takes 7 arguments, not %d", plainCommand, len(args))
	}
	first, err1 := strconv.Atoi(args[1])
	last, err2 := strconv.Atoi(args[2])
	certificate, err3 := tls.LoadX509KeyPair(args[5], args[6])
	listener, err4 := net.Listen("tcp", args[0])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	engine := ftpserver.NewFtpServer(plainDriver{
		settings: &ftpserver.Settings{
			Listener: listener, PassiveTransferPortRange: ftpserver.PortRange{Start: first, End: last},
			IdleTimeout: 600, DefaultTransferType: ftpserver.TransferTypeBinary,
		},
		fs:       afero.NewBasePathFs(afero.NewOsFs(), args[3]),
		password: args[4],
		tls:      &tls.Config{Certificates: []tls.Certificate{certificate}},
	})
	engine.Logger = slog.New(slog.DiscardHandler)
	defer context.AfterFunc(ctx, func() { _ = engine.Stop() })()
	err := engine.ListenAndServe()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// plainDriver is as little of a driver as the engine needs.
type plainDriver struct {
	settings *ftpserver.Settings
	fs       afero.Fs
	password string
	tls      *tls.Config
}

func (d plainDriver) GetSettings() (*ftpserver.Settings, error) { return d.settings, nil }

func (plainDriver) ClientConnected(ftpserver.ClientContext) (string, error) { return "ready", nil }

func (plainDriver) ClientDisconnected(ftpserver.ClientContext) {}

func (d plainDriver) AuthUser(_ ftpserver.ClientContext, user, password string) (ftpserver.ClientDriver, error) {
	if user != userName || password != d.password {
		return nil, errors.New("login incorrect")
	}
	return d.fs, nil
}

func (d plainDriver) GetTLSConfig() (*tls.Config, error) { return d.tls, nil }
