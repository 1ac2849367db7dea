//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A confined process cannot start one that is not: what it has given up, its
// children cannot have either. So a server that may be handed over starts a
// process beforehand, the launcher, which is not confined and starts the
// successor when it is asked to. It takes no more than sockets for that; which
// program it starts, and with what, was settled at its own start. It ends with the
// server.

// launcher is the launcher as the server sees it.
type launcher struct {
	conn    *net.UnixConn
	process *exec.Cmd
}

// startLauncher starts the launcher for a command line. It ends when it is closed,
// or when this process ends.
func startLauncher(line []string) (*launcher, error) {
	program, err := programPath(line[0])
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	conn, theirs, err := socketPair(channelName)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command(self, append([]string{launchCommandName, program}, line[1:]...)...)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, err
	}
	return &launcher{conn, cmd}, nil
}

// programPath is where the program is that was started by a name. Symbolic links
// in it stay, since a new version may be behind them.
func programPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil { // who started it has given it another name
		return os.Executable()
	}
	return filepath.Abs(path)
}

func (l *launcher) close() {
	l.conn.Close()
	l.process.Wait()
}

// launchRequest is a line to the launcher, with the files of those names.
type launchRequest struct {
	Names []string `json:"names"`
	// More says that the request goes on in another line.
	More bool `json:"more,omitempty"`
}

// launchReply is its answer to each.
type launchReply struct {
	PID   int    `json:"pid,omitempty"`
	Error string `json:"error,omitempty"`
}

// filesPerLine is fewer than what the kernel passes on in one message.
const filesPerLine = 200

// launch starts the successor with these files, and returns its process id.
func (l *launcher) launch(files handedFiles) (pid int, err error) {
	for {
		part := files[:min(filesPerLine, len(files))]
		files = files[len(part):]
		reply, err := l.ask(launchRequest{part.names(), len(files) > 0}, part)
		switch {
		case err != nil:
			return 0, fmt.Errorf("the launcher does not answer: %w", err)
		case reply.Error != "":
			return 0, errors.New(reply.Error)
		case len(files) == 0:
			return reply.PID, nil
		}
	}
}

func (l *launcher) ask(request launchRequest, files handedFiles) (launchReply, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return launchReply{}, err
	}
	descriptors := make([]int, len(files))
	for i, file := range files {
		descriptors[i] = int(file.Fd()) // which leaves those from NewFile as they are
	}
	if _, _, err := l.conn.WriteMsgUnix(append(text, '\n'), unix.UnixRights(descriptors...), nil); err != nil {
		return launchReply{}, err
	}
	var reply launchReply
	err = json.NewDecoder(l.conn).Decode(&reply)
	return reply, err
}

// serveLaunches is the launcher's life. It ends when the server does.
func serveLaunches(conn *net.UnixConn, line []string) error {
	// Signals that go to all processes of a terminal or a service are not for the
	// launcher. To ignore them would have the successor ignore them, too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	var files handedFiles
	for {
		request, more, err := readRequest(conn)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		files = append(files, more...)
		var reply launchReply
		if !request.More {
			reply = startSuccessor(line, files)
			files.close()
			files = nil
		}
		if err := json.NewEncoder(conn).Encode(reply); err != nil {
			return err
		}
	}
}

// readRequest reads a line and its files. The other side waits for an answer to
// each, so no two run into each other.
func readRequest(conn *net.UnixConn) (launchRequest, handedFiles, error) {
	var request launchRequest
	text, rights := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(4*filesPerLine))
	n, rightsLen, _, _, err := conn.ReadMsgUnix(text, rights)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return request, nil, err
	}
	descriptors, err := parseRights(rights[:rightsLen])
	if err != nil {
		return request, nil, err
	}
	if err := json.Unmarshal(text[:n], &request); err != nil {
		return request, nil, err
	}
	if len(request.Names) != len(descriptors) {
		return request, nil, fmt.Errorf("%d files for %d names", len(descriptors), len(request.Names))
	}
	files := make(handedFiles, len(descriptors))
	for i, descriptor := range descriptors {
		files[i] = os.NewFile(uintptr(descriptor), request.Names[i])
	}
	return request, files, nil
}

func parseRights(text []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(text)
	var all []int
	for _, message := range messages {
		descriptors, parseErr := unix.ParseUnixRights(&message)
		err = errors.Join(err, parseErr)
		all = append(all, descriptors...)
	}
	return all, err
}

// startSuccessor starts the new program as a service manager would that hands
// over sockets (sd_listen_fds(3)), but for the process id, which nobody knows
// before.
func startSuccessor(line []string, files handedFiles) launchReply {
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(),
		"LISTEN_PID="+anyListenPID, "LISTEN_FDS="+strconv.Itoa(len(files)), "LISTEN_FDNAMES="+strings.Join(files.names(), ":"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = files
	if err := cmd.Start(); err != nil {
		return launchReply{Error: err.Error()}
	}
	go cmd.Wait() // the channel between the two servers tells what comes of it
	return launchReply{PID: cmd.Process.Pid}
}
