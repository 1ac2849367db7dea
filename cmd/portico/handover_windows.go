package main

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// There is no hand-over on Windows, which cannot pass sockets on like that.

var (
	errLocked     = errors.New("the file is locked")
	errNoHandover = errors.New("there is no hand-over on this system: leave it empty")
)

type launcher struct{}

func startLauncher([]string) (*launcher, error)     { return nil, errNoHandover }
func (*launcher) launch(handedFiles) (int, error)   { return 0, errNoHandover }
func (*launcher) close()                            {}
func serveLaunches(*net.UnixConn, []string) error   { return errNoHandover }
func socketPair(string) (net.Conn, *os.File, error) { return nil, nil, errNoHandover }
func unixConn(*os.File) (*net.UnixConn, error)      { return nil, errNoHandover }
func copyOf(syscall.Conn, string) (*os.File, error) { return nil, errNoHandover }
func lockFile(*os.File) error                       { return errNoHandover }
func upgradeSignals() (chan os.Signal, func())      { return nil, func() {} }
func signalUpgrade(int) error                       { return errNoHandover }
