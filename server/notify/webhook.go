package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server"
)

// Webhook posts each event to a web server, from a spool on disk. Make one with
// NewWebhook; whoever made it closes it. Its methods are safe for concurrent
// use.
type Webhook struct {
	opts      WebhookOptions
	on        selection
	spool     *spool
	losses    losses
	ownClient bool
	cancel    context.CancelFunc // ends the running attempt
	closing   chan struct{}      // closed when nothing more comes into the spool
	done      chan struct{}      // closed when the goroutine that posts has ended

	mu      sync.Mutex // guards closed, and writers against a late Add
	closed  bool
	writers sync.WaitGroup
}

// NewWebhook checks the options, opens the spool and begins to post what
// earlier runs have left there. It is an error if the spool cannot be read or
// made. It does not look whether the receiver answers.
func NewWebhook(opts WebhookOptions) (*Webhook, error) {
	ownClient := opts.Client == nil
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	opts.Logger = opts.Logger.Named("notify").With(zap.String("webhook", opts.host()))
	on, _ := newSelection("WebhookOptions.On", opts.On)
	spool, err := openSpool(opts.Spool, opts.MaxSpooled, opts.Shared)
	if err != nil {
		return nil, fmt.Errorf("notify: WebhookOptions.Spool: %w: name a directory that this process may write", err)
	}
	warnOfOpenSpool(opts)
	ctx, cancel := context.WithCancel(context.Background())
	w := &Webhook{
		opts: opts, on: on, spool: spool, ownClient: ownClient, cancel: cancel,
		losses:  losses{logger: opts.Logger},
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	w.trimSpool()
	go w.deliverAll(ctx)
	return w, nil
}

// warnOfOpenSpool warns where others could forge events.
func warnOfOpenSpool(opts WebhookOptions) {
	info, err := os.Stat(opts.Spool)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		opts.Logger.Warn("other users may write to the spool and have events signed: chmod it to 0700",
			zap.String("spool", opts.Spool), zap.Stringer("mode", info.Mode()))
	}
}

// Notify has the event posted. When it returns, the event is in a file of the
// spool, which takes as long as to write and rename a small file and does not
// depend on the receiver. After Close, the event is dropped.
func (w *Webhook) Notify(e server.Event) {
	if !w.on.has(e.Kind) {
		return
	}
	if !w.beginWriting() {
		w.losses.add(1, "closed")
		return
	}
	defer w.writers.Done()
	delivery := newDelivery(e)
	body, err := json.Marshal(delivery)
	if err == nil {
		err = w.spool.put(delivery.ID, body)
	}
	if err != nil {
		w.losses.add(1, fmt.Sprintf("cannot write to the spool: %v", err))
	}
	w.trimSpool()
}

func (w *Webhook) beginWriting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.writers.Add(1)
	return true
}

func (w *Webhook) trimSpool() {
	removed, err := w.spool.trim()
	w.losses.add(removed, "spool full")
	if err != nil {
		w.opts.Logger.Error("cannot remove events from the spool; the next start will post them", zap.Error(err))
	}
}

// Adopt takes over what is in a spool that was Shared, once the other Webhook has
// ended. An error says that the spool could not be read.
func (w *Webhook) Adopt() error {
	if err := w.spool.adopt(); err != nil {
		return fmt.Errorf("notify: take over the spool: %w", err)
	}
	w.trimSpool()
	return nil
}

// Dropped is how many events have been lost: refused by the receiver, too many
// for the spool, or impossible to write to it.
func (w *Webhook) Dropped() uint64 { return w.losses.count() }

// Waiting is how many events wait in the spool. One that is just being posted
// is not counted.
func (w *Webhook) Waiting() int { return w.spool.len() }

// Close takes no more events, and posts those of the spool as long as the
// receiver takes them. It returns when none is left or the receiver has failed
// once, and nil: what is left is posted after the next start. When ctx is done
// first, the running attempt is ended, its event stays in the spool, too, and
// an error that wraps ctx's is returned. It may be called again.
func (w *Webhook) Close(ctx context.Context) error {
	w.stopTaking()
	var err error
	select {
	case <-w.done:
	case <-ctx.Done():
		select {
		case <-w.done:
		default:
			err = fmt.Errorf("notify: stopped posting events, the rest stays in the spool: %w", ctx.Err())
		}
	}
	w.cancel()
	<-w.done
	if w.ownClient {
		w.opts.Client.CloseIdleConnections()
	}
	w.losses.report()
	return err
}

func (w *Webhook) stopTaking() {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	w.writers.Wait()
	if first {
		close(w.closing)
	}
}
