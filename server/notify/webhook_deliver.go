package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/internal/webhook"
	"github.com/portico-ftp/portico/server"
)

// deliverAll posts what is in the spool, oldest first, until the webhook
// closes.
func (w *Webhook) deliverAll(ctx context.Context) {
	defer close(w.done)
	failures := 0
	for {
		name, found := w.spool.take()
		if !found {
			if !w.awaitEvent() {
				return
			}
			continue
		}
		failure := w.deliver(ctx, name)
		if failure == nil {
			failures = 0
			continue
		}
		if !failure.final {
			w.spool.giveBack(name)
			w.trimSpool()
		}
		failures++
		wait := max(backoff(failures), failure.retryAfter)
		if ctx.Err() == nil {
			w.opts.Logger.Warn("webhook failed", zap.Error(failure.err), zap.Int("failures", failures),
				zap.Duration("next_attempt_in", wait), zap.Int("waiting", w.spool.len()))
		}
		if !w.pause(wait) {
			return
		}
	}
}

// awaitEvent returns when an event has come, or false when none will.
func (w *Webhook) awaitEvent() bool {
	select {
	case <-w.spool.ready:
		return true
	case <-w.closing:
		return w.spool.len() > 0
	}
}

// pause waits between attempts. It returns false at once when the webhook
// closes.
func (w *Webhook) pause(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.closing:
		return false
	}
}

// failure says why an event must be tried again, and after what time at the
// earliest. Of a final one, only the events behind it are.
type failure struct {
	err        error
	retryAfter time.Duration
	final      bool
}

// deliver does all that is to be done for one file of the spool, and returns
// nil when it is done with it.
func (w *Webhook) deliver(ctx context.Context, name string) *failure {
	log := w.opts.Logger.With(zap.String("file", name))
	body, err := w.spool.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		w.losses.add(1, "removed from the spool by somebody else")
		return nil
	}
	if err != nil {
		return &failure{err: err}
	}
	_, id, _ := parseSpoolName(name)
	head, err := readHead(id, body)
	if err != nil {
		log.Error("set a damaged file of the spool aside", zap.Error(err),
			zap.NamedError("rename_error", w.spool.setAside(name)))
		w.losses.add(1, "damaged in the spool")
		return nil
	}
	log = log.With(zap.String("delivery", id), zap.Stringer("event", head.kind))
	refusal, failure := w.post(ctx, id, head.kind, body)
	switch {
	case failure != nil && (ctx.Err() != nil || !w.isTooOld(head.time)):
		return failure
	case failure != nil:
		failure.final = true
		log.Error("gave up on an event that the receiver does not take", zap.Time("time", head.time))
		w.losses.add(1, "not taken in time")
	case refusal != "":
		log.Error("webhook refused an event for good", zap.String("status", refusal))
		w.losses.add(1, "refused by the receiver")
	default:
		log.Debug("event delivered")
	}
	if err := w.spool.remove(name); err != nil {
		log.Error("cannot remove an event from the spool; the next start will post it again", zap.Error(err))
	}
	return failure
}

// isTooOld says whether an event of that time is not tried again.
func (w *Webhook) isTooOld(event time.Time) bool {
	return w.opts.GiveUpAfter > 0 && time.Since(event) >= w.opts.GiveUpAfter
}

// post makes one attempt. It returns the status with which the receiver refuses
// the event for good, if it does, or why the event must be tried again.
func (w *Webhook) post(ctx context.Context, id string, kind server.EventKind, body []byte) (refusal string, _ *failure) {
	ctx, cancel := context.WithTimeout(ctx, w.opts.Timeout)
	defer cancel()
	request, err := w.newRequest(ctx, id, kind, body)
	if err != nil {
		return "", &failure{err: webhook.WithoutURL(err)}
	}
	response, err := w.opts.Client.Do(request)
	if err != nil {
		return "", &failure{err: webhook.WithoutURL(err)}
	}
	defer response.Body.Close()
	// Only a connection whose answer has been read serves the next request.
	io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	return judge(response)
}

func (w *Webhook) newRequest(ctx context.Context, id string, kind server.EventKind, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.opts.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Portico")
	request.Header.Set("X-Portico-Event", kind.String())
	request.Header.Set("X-Portico-Delivery", id)
	webhook.Sign(request.Header, w.opts.Secret, body, time.Now())
	return request, nil
}

// judge says what an answer means for the event.
func judge(response *http.Response) (refusal string, _ *failure) {
	code := response.StatusCode
	if response.Request != nil && response.Request.Method != http.MethodPost {
		return "", &failure{err: errors.New("a redirect has made a GET of the POST: set the URL to where it leads")}
	}
	switch {
	case code >= 200 && code < 300:
		return "", nil
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests:
	case code >= 400 && code < 500:
		return response.Status, nil
	}
	return "", &failure{
		err:        fmt.Errorf("the receiver answered %s", response.Status),
		retryAfter: retryAfter(response.Header, time.Now()),
	}
}
