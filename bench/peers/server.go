//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// peer is a server that can be started.
type peer struct {
	name string
	// command writes the configuration and says how to start the server in the
	// foreground.
	command func(*lab, ports) (*exec.Cmd, error)
	// lacks says why the server has no part in the rows of a kind.
	lacks map[kind]string
	// portsEach is how many passive ports it wants for each session, if it refuses
	// sessions that could find none.
	portsEach int
}

// passive is how many ports it gets for so many sessions, where others get usual.
// Those of the row before may not have ended yet.
func (p *peer) passive(usual, sessions int) int {
	if sessions == 0 {
		return usual
	}
	return max(usual, p.portsEach*(sessions+mostSessions/2))
}

// server is a started one.
type server struct {
	*peer
	address string
	ports   ports
	cmd     *exec.Cmd
	group   group
	exited  chan struct{} // closed when its first process has ended
	stopped atomic.Bool
}

func (l *lab) start(p *peer, ports ports) (*server, error) {
	cmd, err := p.command(l, ports)
	if err != nil {
		return nil, err
	}
	group, err := l.groups.make(p.name)
	if err != nil {
		return nil, err
	}
	dir, err := os.Open(group.dir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	cmd.SysProcAttr.Setpgid = true // an interrupt of the benchmark is for us: we end it
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, group.kill())
	}
	s := &server{peer: p, address: ports.address(), ports: ports, cmd: cmd, group: group, exited: make(chan struct{})}
	go s.wait()
	if err := s.awaitGreeting(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) wait() {
	err := s.cmd.Wait()
	if !s.stopped.Load() {
		fmt.Fprintf(os.Stderr, "bench-peers: %s has ended by itself: %v\n", s.name, err)
	}
	close(s.exited)
}

const startLimit = 20 * time.Second

func (s *server) awaitGreeting() error {
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.exited:
			return fmt.Errorf("%s does not start", s.name)
		default:
		}
		if s.answers() {
			return nil
		}
	}
	return fmt.Errorf("%s: no greeting from %s within %v", s.name, s.address, startLimit)
}

func (s *server) answers() bool {
	if s.name == bareName {
		c, err := connect(localHost, s.address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	c, err := dial(localHost, s.address)
	if err == nil {
		c.close()
	}
	return err == nil
}

// stop ends all processes of the server. There is nothing that they could lose.
func (s *server) stop() error {
	s.stopped.Store(true)
	err := s.group.kill()
	<-s.exited
	return err
}

// asUser is a command of the user's: these servers need no rights.
func asUser(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: userID, Gid: userID}}
	return cmd
}

// asRoot is a command of root's, in a mount namespace in which the user is the
// only one: these servers change to who has logged in. Libraries that come with the
// server are found first.
func (l *lab) asRoot(root string, args ...string) *exec.Cmd {
	script := `set -e; for name in passwd group shadow pam.d; do mount --bind "$0/$name" "/etc/$name"; done; exec "$@"`
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, l.account("")}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LD_LIBRARY_PATH=" + root + "/usr/lib/x86_64-linux-gnu:" + root + "/lib/x86_64-linux-gnu"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return cmd
}
