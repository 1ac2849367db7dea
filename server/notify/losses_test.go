package notify_test

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/server/notify"
)

func TestLossesAreLoggedOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hook, logs := openWebhook(t, &receiver{answer: status(http.StatusServiceUnavailable)},
			func(o *notify.WebhookOptions) { o.MaxSpooled = 1 })
		hook.Notify(upload("/file"))
		synctest.Wait() // it is back in the spool, and the webhook waits
		for range 5 {   // half a second
			hook.Notify(upload("/file"))
			time.Sleep(100 * time.Millisecond)
		}
		checkLosses(t, logs.FilterMessage("events dropped").All(), [][2]uint64{{1, 1}})
		time.Sleep(500 * time.Millisecond)
		hook.Notify(upload("/file"))
		hook.Notify(upload("/file"))
		checkLosses(t, logs.FilterMessage("events dropped").All(), [][2]uint64{{1, 1}, {5, 6}})
		mustClose(t, hook) // tells the rest
		checkLosses(t, logs.FilterMessage("events dropped").All(), [][2]uint64{{1, 1}, {5, 6}, {1, 7}})
		if hook.Dropped() != 7 {
			t.Errorf("dropped %d", hook.Dropped())
		}
	})
}

// checkLosses compares the log with pairs of count and total.
func checkLosses(t *testing.T, entries []observer.LoggedEntry, want [][2]uint64) {
	t.Helper()
	var got [][2]uint64
	for _, entry := range entries {
		fields := entry.ContextMap()
		got = append(got, [2]uint64{fields["count"].(uint64), fields["total"].(uint64)})
	}
	if !slices.Equal(got, want) {
		t.Errorf("logged %v, want %v", got, want)
	}
}
