package notify_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server/notify"
)

func TestWebhookTriesAgain(t *testing.T) {
	t.Parallel()
	hangUp := func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }
	hang := func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request, int)
	}{
		{"503", status(503)}, {"500", status(500)}, {"429", status(429)}, {"408", status(408)}, {"301", status(301)},
		{"connection reset", hangUp}, {"hanging", hang},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const failures = 12
				rec := &receiver{}
				rec.answer = func(w http.ResponseWriter, r *http.Request, n int) {
					if n <= failures {
						test.answer(w, r, n)
					}
				}
				hook, logs := openWebhook(t, rec, nil)
				hook.Notify(upload("/first"))
				hook.Notify(upload("/second"))
				time.Sleep(time.Hour)
				if hook.Waiting() != 0 || hook.Dropped() != 0 {
					t.Errorf("waiting %d, dropped %d", hook.Waiting(), hook.Dropped())
				}
				mustClose(t, hook)

				requests := rec.received()
				if len(requests) != failures+2 {
					t.Fatalf("%d requests, want %d", len(requests), failures+2)
				}
				checkRetries(t, requests[:failures+1])
				if got := paths(t, requests[failures:]); !slices.Equal(got, []string{"/first", "/second"}) {
					t.Errorf("in the end %v arrived", got)
				}
				text := logText(t, logs)
				for _, hidden := range []string{secret, "password", "path-token"} {
					if strings.Contains(text, hidden) {
						t.Errorf("%q is in the log:\n%s", hidden, text)
					}
				}
				if n := logs.FilterMessage("webhook failed").Len(); n != failures {
					t.Errorf("%d failures logged, want %d", n, failures)
				}
			})
		})
	}
}

// checkRetries checks that requests are attempts at one delivery, in growing
// intervals, each signed anew.
func checkRetries(t *testing.T, requests []request) {
	t.Helper()
	for i, r := range requests {
		timestamp := r.header.Get("X-Portico-Timestamp")
		if !notify.Verify(secret, timestamp, r.body, r.header.Get("X-Portico-Signature")) {
			t.Errorf("attempt %d: the signature does not fit", i+1)
		}
		if i == 0 {
			continue
		}
		before := requests[i-1]
		if timestamp == before.header.Get("X-Portico-Timestamp") {
			t.Errorf("attempt %d: the timestamp is an old one", i+1)
		}
		if r.header.Get("X-Portico-Delivery") != before.header.Get("X-Portico-Delivery") {
			t.Errorf("attempt %d: the delivery id has changed", i+1)
		}
		longest := min(2*time.Second<<(i-1), 5*time.Minute)
		wait := r.at.Sub(before.at)
		if wait < longest/2 || wait > longest+10*time.Second { // 10 s: the attempt's time-out
			t.Errorf("attempt %d came after %v, want %v to %v", i+1, wait, longest/2, longest)
		}
	}
}

func TestWebhookHonoursRetryAfter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		header   func() string
		atLeast  time.Duration
		lessThan time.Duration
	}{
		{"seconds", func() string { return "100" }, 100 * time.Second, 101 * time.Second},
		{"a date", func() string { return time.Now().Add(100 * time.Second).UTC().Format(http.TimeFormat) }, 99 * time.Second, 101 * time.Second},
		{"too long", func() string { return "100000000" }, time.Hour, time.Hour + time.Second},
		{"nonsense", func() string { return "soon" }, time.Second, 2*time.Second + 1},
		{"negative", func() string { return "-5" }, time.Second, 2*time.Second + 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rec := &receiver{answer: func(w http.ResponseWriter, _ *http.Request, n int) {
					if n == 1 {
						w.Header().Set("Retry-After", test.header())
						w.WriteHeader(http.StatusTooManyRequests)
					}
				}}
				hook, _ := openWebhook(t, rec, nil)
				hook.Notify(upload("/file"))
				time.Sleep(2 * time.Hour)
				mustClose(t, hook)
				requests := rec.received()
				if len(requests) != 2 {
					t.Fatalf("%d requests, want 2", len(requests))
				}
				if wait := requests[1].at.Sub(requests[0].at); wait < test.atLeast || wait >= test.lessThan {
					t.Errorf("waited %v, want %v to %v", wait, test.atLeast, test.lessThan)
				}
			})
		})
	}
}

func TestWebhookDropsWhatIsRefused(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 401, 404, 410, 413, 422} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			t.Parallel()
			rec := &receiver{answer: func(w http.ResponseWriter, _ *http.Request, n int) {
				if n == 1 {
					w.WriteHeader(code)
				}
			}}
			hook, logs := openWebhook(t, rec, nil)
			hook.Notify(upload("/refused"))
			hook.Notify(upload("/next"))
			mustClose(t, hook)
			if got := paths(t, rec.received()); !slices.Equal(got, []string{"/refused", "/next"}) {
				t.Errorf("received %v", got)
			}
			refused := logs.FilterMessage("webhook refused an event for good").All()
			if len(refused) != 1 || refused[0].Level != zap.ErrorLevel || hook.Dropped() != 1 {
				t.Errorf("logged %v, dropped %d", refused, hook.Dropped())
			}
		})
	}
}

// The receiver chokes on one event and takes the others.
func TestWebhookGivesUpOnOldEvents(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]time.Duration{"after a day": 24 * time.Hour, "never": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rec := &receiver{}
				rec.answer = func(w http.ResponseWriter, _ *http.Request, n int) {
					if all := paths(t, rec.received()); all[n-1] == "/bad" {
						w.WriteHeader(500)
					}
				}
				hook, logs := openWebhook(t, rec, func(o *notify.WebhookOptions) { o.GiveUpAfter = limit })
				for _, path := range []string{"/bad", "/good"} {
					e := upload(path)
					e.Time = time.Now()
					hook.Notify(e)
				}
				time.Sleep(23 * time.Hour)
				if hook.Waiting() == 0 || hook.Dropped() != 0 {
					t.Errorf("after 23 hours %d wait and %d are dropped", hook.Waiting(), hook.Dropped())
				}
				time.Sleep(2 * time.Hour)
				all := paths(t, rec.received())
				arrived := all[len(all)-1] == "/good"
				gaveUp := logs.FilterMessage("gave up on an event that the receiver does not take").Len()
				if limit == 0 && (arrived || hook.Dropped() != 0 || gaveUp != 0) {
					t.Errorf("without a limit, %d are dropped", hook.Dropped())
				}
				if limit > 0 && (!arrived || hook.Waiting() != 0 || hook.Dropped() != 1 || gaveUp != 1) {
					t.Errorf("last arrived %s; %d wait, %d are dropped, %d logged", all[len(all)-1], hook.Waiting(), hook.Dropped(), gaveUp)
				}
				mustClose(t, hook)
			})
		})
	}
}

func TestWebhookCloseEndsAHangingAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := &receiver{answer: func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }}
		hook, logs := openWebhook(t, rec, nil)
		hook.Notify(upload("/file"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := hook.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("close took %v", took)
		}
		if hook.Waiting() != 1 || hook.Dropped() != 0 {
			t.Errorf("waiting %d, dropped %d: the event is not kept", hook.Waiting(), hook.Dropped())
		}
		if n := logs.FilterMessage("webhook failed").Len(); n != 0 {
			t.Error("the end was logged as a failure of the receiver")
		}
		if err := hook.Close(ctx); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
}

func TestWebhookCloseDoesNotWaitForTheNextAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := &receiver{answer: status(503)}
		hook, _ := openWebhook(t, rec, nil)
		hook.Notify(upload("/file"))
		synctest.Wait()
		began := time.Now()
		mustClose(t, hook)
		if time.Since(began) != 0 || hook.Waiting() != 1 {
			t.Errorf("close took %v, %d wait", time.Since(began), hook.Waiting())
		}
	})
}
