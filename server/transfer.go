package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/portalloc"
)

// errNotResumed says that a data connection did not resume the TLS session of
// its control connection, which Options.SessionReuse requires.
var errNotResumed = errors.New("server: the data connection did not resume the control connection's TLS session")

var errPanicked = errors.New("server: a panic, which the log shows")

// transfer is a command that runs beside others: one that uses a data
// connection, or a job.
type transfer struct {
	session *session
	command command
	path    string
	opening string // text of the 150 reply, if not the usual one
	isJob   bool
	listing *listing // of LIST, NLST and MLSD
	form    form
	use     *accountUse // that counts it, if any
	offset  int64       // of REST
	started time.Time
	ctx     context.Context
	cancel  context.CancelCauseFunc

	listened chan struct{} // closed when session.listen has ended

	mu       sync.Mutex
	conn     *dataConn
	mode     string
	size     int64 // of the file, 0: not known
	counted  int64 // of the bytes of conn, see traffic
	underway bool  // 150 is sent

	// Under session.mu:
	settled   chan struct{} // see uploadCut; nil: nobody waits
	listening bool          // session.listen was called
	alone     bool          // no command is read beside it any more
	ending    bool          // the final reply is about to be sent: nothing runs beside it any more
	aborts    []abort       // to be answered after the final reply
}

// abort is an ABOR and when it came.
type abort struct {
	command
	at time.Time
}

// run does the transfer.
func (t *transfer) run(files *sessionFS, setup *dataSetup) {
	code, err := t.moveSafely(files, setup)
	t.conclude(code, err)
}

// moveSafely keeps a panic, in the embedder's files for one, to the transfer.
func (t *transfer) moveSafely(files *sessionFS, setup *dataSetup) (code int, err error) {
	defer func() {
		if p := recover(); p != nil {
			t.session.logPanic(t.command, p)
			code, err = 451, errPanicked
		}
	}()
	return t.move(files, setup)
}

// move opens the file and the data connection, copies from one to the other, and
// closes both. It returns the code that fits the error, unless more is known of
// it (verdict).
func (t *transfer) move(files *sessionFS, setup *dataSetup) (code int, err error) {
	file, err := files.open(t)
	if err != nil {
		return codeOf(err, 550), err
	}
	complete := false
	defer func() {
		if !complete { // for whatever reason, panics among them
			passTransferError(file, cmp.Or(err, errPanicked))
			err = errors.Join(err, file.Close())
		}
	}()
	conn, err := t.connect(setup)
	if err != nil {
		return 425, err
	}
	defer conn.close()
	t.opened()
	if err := t.copy(file, conn); err != nil {
		return codeOf(err, 451), err
	}
	complete = true
	if err := file.Close(); err != nil && t.direction() == DirectionUpload {
		return codeOf(err, 451), err
	}
	return 226, nil
}

// copy moves the bytes. Storage is written to even if there are none.
func (t *transfer) copy(file ftpserver.FileTransfer, conn *dataConn) error {
	if t.direction() != DirectionUpload {
		_, err := conn.send(file)
		return err
	}
	n, err := conn.receive(file)
	if err == nil && n == 0 {
		_, err = file.Write(nil)
	}
	return err
}

// connect opens the data connection.
func (t *transfer) connect(setup *dataSetup) (*dataConn, error) {
	t.mu.Lock()
	t.mode = setup.mode()
	t.mu.Unlock()
	raw, err := setup.open(t.ctx)
	if err != nil {
		return nil, err
	}
	conn := newDataConn(t, raw)
	t.mu.Lock()
	t.conn = conn
	t.mu.Unlock()
	if t.ctx.Err() != nil {
		conn.abort()
		return nil, context.Cause(t.ctx)
	}
	return conn, nil
}

// abort makes the transfer fail.
func (t *transfer) abort(cause error) {
	t.cancel(cause)
	t.mu.Lock()
	conn := t.conn
	t.mu.Unlock()
	if conn != nil {
		conn.abort()
	}
}

// requestAbort is abort on behalf of an ABOR, which is answered behind the
// transfer's own final reply (RFC 959 §4.1.3). It says false if that has gone.
func (t *transfer) requestAbort(cmd command) bool {
	t.session.mu.Lock()
	running := t.session.transfer == t
	if running {
		t.aborts = append(t.aborts, abort{cmd, time.Now()})
	}
	t.session.mu.Unlock()
	if running {
		t.abort(errAborted)
	}
	return running
}

// opened tells the client that the data connection is there. In front of a file
// that fits into the socket's buffer the client has it with the final reply, in
// one segment: each reply costs as much as sending the file.
func (t *transfer) opened() {
	t.mu.Lock()
	t.underway = true
	t.mu.Unlock()
	tell := t.session.control.reply
	if t.isShort() {
		tell = t.session.control.delayReply
	}
	tell(150, cmp.Or(t.opening, "Data connection is open, transfer starts."))
}

// shortDownload is the size of a file that any socket's buffer takes at once.
const shortDownload = 16 << 10

// isShort is for downloads in clear alone: clients may begin a TLS handshake only
// when they have read the 150 reply.
func (t *transfer) isShort() bool {
	left := t.size - t.offset
	return t.direction() == DirectionDownload && !t.conn.encrypted && 0 < left && left <= shortDownload
}

// conclude tells everybody how the transfer has ended.
func (t *transfer) conclude(code int, err error) {
	t.end()
	r := t.verdict(code, err)
	t.emit(r.code)
	t.session.server.traffic.count(t)
	t.session.control.reply(r.code, r.text)
	t.log(r, err)
	t.tell(r.code)
	t.finish(r.code)
}

// end comes before the final reply: whoever has read that one must not find the
// transfer running.
func (t *transfer) end() {
	if t.use != nil {
		t.session.server.accounts.endTransfer(t.use)
	}
	t.session.mu.Lock()
	defer t.session.mu.Unlock()
	t.ending = true
}

// finish ends the transfer after its final reply.
func (t *transfer) finish(code int) {
	s := t.session
	if t.usedSetup() {
		s.dropSetup() // commands that look at it are held back until transferEnded
	}
	t.cancel(nil)
	s.observe(t.command, t.started, code)
	for aborts := s.transferEnded(); len(aborts) > 0; aborts = s.transferEnded() {
		for _, a := range aborts {
			s.control.reply(226, "Transfer aborted.")
			s.observe(a.command, a.at, 226)
		}
	}
}

// usedSetup says whether the data connection that was settled is used up. It is
// not if the file could not be opened: closing a connection that the client may
// have made already would look like a fault to it before it has read the reply.
func (t *transfer) usedSetup() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mode != "" || (!t.isJob && t.ctx.Err() != nil)
}

// verdict is the final reply.
func (t *transfer) verdict(code int, err error) reply {
	var connErr error
	if conn := t.dataConn(); conn != nil {
		connErr = conn.failure()
	}
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return refused.reply
	case errors.Is(connErr, errNotResumed):
		return reply{code: 522, text: "The data connection must resume the TLS session of the control connection."}
	case t.ctx.Err() != nil && (err != nil || errors.Is(context.Cause(t.ctx), errAborted)):
		return reply{code: 426, text: "Transfer aborted."}
	case connErr != nil:
		return reply{code: 426, text: "Data connection failed; transfer aborted."}
	case err == nil:
		return reply{code: code, text: "Transfer complete."}
	case errors.Is(err, portalloc.ErrNotConnected):
		return reply{code: 425, text: "No data connection came; a firewall may be blocking the passive port."}
	default:
		return reply{code: code, text: explain(code, err.Error())}
	}
}

func (t *transfer) log(r reply, cause error) {
	fields := []zap.Field{
		zap.String("verb", t.command.verb), zap.String("path", t.path),
		zap.Int("code", r.code), zap.Duration("duration", time.Since(t.started)),
	}
	if conn := t.dataConn(); conn != nil {
		fields = append(fields,
			zap.Int64("bytes", conn.bytes()), zap.String("mode", t.mode), zap.Uint16("port", conn.localPort()), zap.Bool("tls", conn.encrypted))
		if err := conn.failure(); err != nil {
			fields = append(fields, zap.Error(err))
		}
	}
	if r.code >= 400 {
		t.session.log.Info("transfer failed", append(fields, zap.NamedError("cause", cause))...)
		return
	}
	t.session.log.Info("transfer", fields...)
}

func (t *transfer) dataConn() *dataConn {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conn
}

// progress describes the transfer for STAT.
func (t *transfer) progress() string {
	switch conn := t.dataConn(); {
	case t.isJob:
		return t.command.verb + " is running"
	case conn == nil:
		return t.command.verb + " is waiting for its data connection"
	default:
		return fmt.Sprintf("%s is running, %d bytes so far", t.command.verb, conn.bytes())
	}
}
