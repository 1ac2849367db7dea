package notify_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/notify"
)

func ExampleNewWebhook() {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		timestamp, signature := r.Header.Get("X-Portico-Timestamp"), r.Header.Get("X-Portico-Signature")
		if err != nil || !notify.Verify("shared secret", timestamp, body, signature) {
			http.Error(w, "not from Portico", http.StatusForbidden)
			return
		}
		fmt.Println("received:", r.Header.Get("X-Portico-Event"))
	}))
	defer receiver.Close()
	dir, err := os.MkdirTemp("", "portico")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	hook, err := notify.NewWebhook(notify.WebhookOptions{
		URL: receiver.URL, Secret: "shared secret", Spool: filepath.Join(dir, "spool"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A server calls Notify when Options.OnEvent is set to it.
	hook.Notify(server.Event{Kind: server.EventUpload, User: "alice", Path: "/in/order.xml"})

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println("closed:", hook.Close(ctx))
	// Output:
	// received: upload
	// closed: <nil>
}
