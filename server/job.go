package server

import (
	"context"
	"io"
)

// A job is a command that takes long without a data connection: it reads or
// copies files. Like a transfer it runs beside ABOR, NOOP and STAT, holds the
// other commands back, and can be aborted.

// startJob does work. Its reply is the final one.
func (s *session) startJob(cmd command, work func(*transfer) reply) {
	t := &transfer{path: cmd.arg, isJob: true}
	s.register(cmd, t)
	s.doBeside(t, func() { t.runJob(work) })
}

func (t *transfer) runJob(work func(*transfer) reply) {
	r := t.safely(work)
	t.end()
	if t.ctx.Err() != nil {
		r = reply{code: 426, text: "Aborted."}
	}
	t.session.control.reply(r.code, r.text)
	t.tell(r.code)
	t.finish(r.code)
}

func (t *transfer) safely(work func(*transfer) reply) (r reply) {
	defer func() {
		if p := recover(); p != nil {
			t.session.logPanic(t.command, p)
			r = reply{code: 451, text: "Internal error.", last: true}
		}
	}()
	return work(t)
}

// jobFailed is the reply of a job that met an error.
func (t *transfer) jobFailed(code int, err error) reply {
	return t.session.explain(reply{code: codeOf(err, code), text: err.Error(), last: true})
}

// copyBlocks copies until the end or until the job is aborted.
func (t *transfer) copyBlocks(dst io.Writer, src io.Reader) error {
	buffers := &t.session.server.buffers
	buf := buffers.getBlock()
	defer buffers.putBlock(buf)
	_, err := io.CopyBuffer(onlyWriter{dst}, cancellableReader{t.ctx, src}, *buf)
	return err
}

// cancellableReader ends between two reads.
type cancellableReader struct {
	ctx context.Context
	src io.Reader
}

func (r cancellableReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.src.Read(p)
}
