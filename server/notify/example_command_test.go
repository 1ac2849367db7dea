//go:build unix

package notify_test

import (
	"context"
	"fmt"
	"time"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/notify"
)

func ExampleNewCommand() {
	command, err := notify.NewCommand(notify.CommandOptions{
		Argv: []string{"/bin/sh", "-c", `test "$PORTICO_PATH" = /in/order.xml`},
		On:   []server.EventKind{server.EventUpload},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A server calls Notify when Options.OnEvent is set to it.
	command.Notify(server.Event{Kind: server.EventUpload, User: "alice", Path: "/in/order.xml"})

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println(command.Close(ctx))
	// Output: <nil>
}
