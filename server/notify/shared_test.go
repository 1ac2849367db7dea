package notify_test

import (
	"slices"
	"testing"

	"github.com/portico-ftp/portico/server/notify"
)

// TestTwoWebhooksShareASpoolForAWhile has one come in the place of another, whose
// receiver does not answer.
func TestTwoWebhooksShareASpoolForAWhile(t *testing.T) {
	t.Parallel()
	spool := t.TempDir()
	use := func(shared bool) func(*notify.WebhookOptions) {
		return func(o *notify.WebhookOptions) { o.Spool, o.Shared = spool, shared }
	}
	deaf := &receiver{answer: status(503)}
	older, _ := openWebhook(t, deaf, use(false))
	older.Notify(upload("/one"))
	heard := &receiver{}
	younger, logs := openWebhook(t, heard, use(true))
	younger.Notify(upload("/two"))
	older.Notify(upload("/three"))
	_ = older.Close(cancelled()) // it may say that it was posting
	if older.Waiting() != 2 {
		t.Errorf("%d events wait in the older one, want both", older.Waiting())
	}
	if err := younger.Adopt(); err != nil {
		t.Fatal(err)
	}
	if err := younger.Adopt(); err != nil { // nothing to do
		t.Fatal(err)
	}
	mustClose(t, younger)
	got := paths(t, heard.received())
	slices.Sort(got)
	if want := []string{"/one", "/three", "/two"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v, each once", got, want)
	}
	if younger.Dropped() != 0 {
		t.Errorf("%d events are lost:\n%s", younger.Dropped(), logText(t, logs))
	}
	if left := fileNames(t, spool); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
}
