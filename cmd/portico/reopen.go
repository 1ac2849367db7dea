package main

import (
	"os"
	"os/signal"

	"go.uber.org/zap"
)

// reopening has the logs opened anew at each signal to do so, as logrotate sends
// it.
type reopening struct {
	signals chan os.Signal
	logs    *logs // nil before start
	quit    chan struct{}
	done    chan struct{} // closed when nobody waits for signals any more
}

// catchReopen is for the very beginning: until then, the signal ends the
// process. The caller stops it.
func catchReopen() *reopening {
	r := &reopening{signals: make(chan os.Signal, 1), quit: make(chan struct{}), done: make(chan struct{})}
	if signals := reopenSignals(); len(signals) > 0 { // with none, it would be all
		signal.Notify(r.signals, signals...)
	}
	return r
}

// start reopens the logs from now on. They belong to r.
func (r *reopening) start(l *logs) {
	r.logs = l
	go r.run()
}

func (r *reopening) run() {
	defer close(r.done)
	for {
		select {
		case <-r.quit:
			return
		case <-r.signals:
			r.reopen()
		}
	}
}

func (r *reopening) reopen() {
	if err := r.logs.reopen(); err != nil {
		r.logs.ordinary.Error("a log goes on in its old file: let the user whom Portico runs as write to the new one, or restart the server if its directory was replaced", zap.Error(err))
		return
	}
	r.logs.ordinary.Info("logs reopened")
}

// stop ends it and closes the logs, if it was started. The signal stays caught:
// in its last moments, too, the process must not die of it.
func (r *reopening) stop() {
	close(r.quit)
	if r.logs != nil {
		<-r.done
		r.logs.close()
	}
}
