package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
)

// handover is what a server needs to be replaced by a successor, a process of the
// program that is at its path then. It is on where pid_file is set: a nil pointer
// is a server that cannot be replaced.
type handover struct {
	launcher *launcher
	pid      *pidFile
	sockets  *handedSockets
	obstacle string // why it is not possible after all. Empty: it is
}

// prepareHandover locks the pid file and starts the launcher, before the process
// is confined. The caller closes it.
func (s *setup) prepareHandover(line []string) (*handover, error) {
	path := string(s.config.PIDFile)
	if path == "" {
		return nil, nil
	}
	pid, err := lockPIDFile(path, s.sockets.pidFile)
	if err != nil {
		return nil, s.fault("pid_file", "%v", err)
	}
	h := &handover{pid: pid, sockets: s.sockets}
	if s.generated != "" {
		h.obstacle = "the password of the user " + generatedUser + " is known to this process alone: set one with --user or in a configuration file"
	}
	if h.launcher, err = startLauncher(line); err != nil {
		pid.close()
		return nil, s.fault("pid_file", "the process that starts successors (portico upgrade) cannot be started: %v", err)
	}
	return h, nil
}

// failed lets who waits for a successor know that there is none.
func (h *handover) failed() {
	if h != nil {
		h.pid.write() // the same again
	}
}

func (h *handover) close() {
	if h != nil {
		h.launcher.close()
		h.pid.close()
	}
}

// successorTimeout is how long the successor may take to serve.
const successorTimeout = 2 * time.Minute

// successor is the server that takes this one's place.
type successor struct {
	channel *channel
	pid     int
	quotas  *quotaChanges // for it
	log     *zap.Logger
}

// possible says why there can be no successor now, if so.
func (h *handover) possible() error {
	switch {
	case h == nil:
		return errors.New("no pid_file is set, which a hand-over needs: set it, and restart the server")
	case h.obstacle != "":
		return errors.New(h.obstacle)
	case h.sockets.hasPredecessor():
		return errors.New("the server before this one still has sessions: try again when it has ended")
	default:
		return nil
	}
}

// start starts the successor and returns it when it serves. On an error nothing
// has changed.
func (h *handover) start(ctx context.Context, held portalloc.PortList, log *zap.Logger) (*successor, error) {
	next, err := h.launch(held, log)
	if err != nil {
		return nil, err
	}
	return next, next.await(ctx)
}

func (h *handover) launch(held portalloc.PortList, log *zap.Logger) (*successor, error) {
	files, err := h.sockets.copies()
	if err != nil {
		return nil, err
	}
	defer func() { files.close() }()
	conn, theirs, err := socketPair(channelName)
	if err != nil {
		return nil, err
	}
	files = append(files, theirs)
	next := &successor{channel: newChannel(conn), log: log}
	pidFile, err := h.pid.copy()
	if err == nil {
		files = append(files, pidFile)
		err = next.channel.send(message{Held: held})
	}
	if err == nil {
		next.pid, err = h.launcher.launch(files)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("start the new process: %w", err)
	}
	return next, nil
}

// await returns when the successor serves, and ends it if it does not in time.
func (s *successor) await(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.channel.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	s.channel.conn.SetReadDeadline(time.Now().Add(successorTimeout))
	answer, err := s.channel.receive()
	switch {
	case err == nil && answer.Ready:
		return nil
	case err == nil:
		err = errors.New(answer.Failed)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errors.New("it does not serve in time, and was ended")
		if process, findErr := os.FindProcess(s.pid); findErr == nil {
			process.Kill()
		}
	default:
		err = errors.New("it ended without a word, so its own messages say more")
	}
	s.channel.conn.Close()
	return fmt.Errorf("process %d: %w", s.pid, err)
}

// gone tells the successor that a port is all its own.
func (s *successor) gone(port uint16) {
	s.tell(message{Gone: portalloc.PortList{{First: port, Last: port}}})
}

func (s *successor) tell(m message) {
	if err := s.channel.send(m); err != nil {
		s.log.Warn("the new process does not listen", zap.Int("pid", s.pid), zap.Error(err))
	}
}

// predecessor is whose place this service takes, nil if nobody's.
func (s *service) predecessor() *predecessor { return s.now().setup.sockets.predecessor }

// begin says that clients are served.
func (s *service) begin() error {
	if s.handover != nil {
		if err := s.handover.pid.write(); err != nil {
			return err
		}
	}
	before := s.predecessor()
	if before == nil {
		s.readiness.raise(s.log)
		return nil
	}
	s.readiness.ready.Store(true) // the manager still listens to the one before
	before.replace(s)
	return nil
}

// replace has a successor take over, and returns nil if there is none.
func (s *service) replace(ctx context.Context) *successor {
	next, err := s.succeed(ctx)
	if err != nil {
		s.log.Error("no new process takes the place of this one, which goes on as before", zap.Error(err))
		s.handover.failed()
		return nil
	}
	s.readiness.pass(next.pid, s.log)
	return next
}

func (s *service) succeed(ctx context.Context) (*successor, error) {
	if err := s.handover.possible(); err != nil {
		return nil, err
	}
	var held portalloc.PortList
	if ports := s.now().ports; ports != nil {
		held = ports.Ports()
	}
	s.log.Info("starting a new process to take the place of this one")
	quotas, err := s.lendQuotas()
	if err != nil {
		return nil, err
	}
	next, err := s.handover.start(ctx, held, s.log)
	if err != nil {
		s.resumeQuotas()
		return nil, err
	}
	next.quotas = quotas
	return next, nil
}

// lendQuotas lets a successor have the file of the quotas.
func (s *service) lendQuotas() (*quotaChanges, error) {
	changes := newQuotaChanges()
	if store := s.now().accounts.quotas; store != nil {
		return changes, store.Lend(changes.add)
	}
	return changes, nil
}

func (s *service) resumeQuotas() {
	if store := s.now().accounts.quotas; store != nil {
		if err := store.Resume(); err != nil {
			s.log.Error("users with a quota can change nothing before the next start", zap.Error(err))
		}
	}
}

// singlePortTime is how long sessions may go on as before where there is but one
// passive port, for which those of the successor wait meanwhile.
const singlePortTime = time.Second

// leave lets the sessions that there are come to an end, in the successor's
// favour: they keep half of the passive ports for as long as they may begin
// something new. Then nothing but running transfers delays the end of this
// process, and a signal to stop bounds these.
func (s *service) leave(ctx context.Context, next *successor, settings config.Drain, ended <-chan error) error {
	s.handover.sockets.leaveFiles()
	s.stopAdministration()
	busy := settings.Timeout / 2
	if ports := s.now().ports; ports != nil {
		keep := ports.Ports().Len() / 2
		if keep == 0 {
			keep, busy = 1, singlePortTime
		}
		ports.Yield(keep, next.gone)
		yieldRest := time.AfterFunc(busy, func() { ports.Yield(0, next.gone) })
		defer yieldRest.Stop()
	}
	s.server.Drain(time.Now().Add(busy))
	s.log.Info("a new process serves, this one ends with its sessions", zap.Int("new_pid", next.pid), s.sessionsField())
	go next.quotas.send(next.tell)
	timeout := leastHookTime
	if err := s.server.Shutdown(ctx); err != nil {
		timeout = settings.Timeout
	}
	s.shutdown(context.WithoutCancel(ctx), timeout)
	next.quotas.close()
	return s.stopped(ended)
}
