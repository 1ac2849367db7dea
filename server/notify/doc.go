// Package notify tells the world outside of a server's events: it starts a
// command for each, or posts each to a webhook. Both take a server.Event in a
// method that is made for server.Options.OnEvent:
//
//	hook, err := notify.NewWebhook(notify.WebhookOptions{
//		URL:    "https://files.example.org/arrived",
//		Secret: secret,
//		On:     []server.EventKind{server.EventUpload},
//		Spool:  "/var/lib/portico/webhook",
//		Logger: logger,
//	})
//	if err != nil {
//		return err
//	}
//	defer hook.Close(ctx)
//	srv, err := server.New(server.Options{Auth: accounts, OnEvent: hook.Notify})
//
// To have several, call their Notify methods one after the other in OnEvent.
//
// # Command
//
// A Command runs a program, without a shell, for each event. What clients
// choose (names of files and users) reaches it in the environment alone, never
// in its arguments, so it can be taken for neither an option nor a piece of a
// script, provided that a script quotes the variables ("$PORTICO_PATH"). All of
// them are set, empty where an event has no such fact:
//
//	PORTICO_EVENT        login, upload, upload_interrupted, download, download_interrupted, delete, rename or mkdir
//	PORTICO_TIME         when, as 2006-01-02T15:04:05.999999999Z (RFC 3339, UTC)
//	PORTICO_USER         name of the account
//	PORTICO_HOST         name of the virtual host
//	PORTICO_CLIENT       address and port of the client: 192.0.2.1:40000, [2001:db8::1]:40000
//	PORTICO_PATH         FTP path, from the user's root
//	PORTICO_TARGET       the new path of a rename
//	PORTICO_FILE         where the path is on the server's disk
//	PORTICO_TARGET_FILE  where the target is on the server's disk
//	PORTICO_BYTES        bytes that a transfer has moved
//	PORTICO_DURATION     how long a transfer took, in seconds: 1.250
//	PORTICO_SESSION_ID   number of the session, unique within the server's life
//	PORTICO_TLS          true or false: the control connection is encrypted
//
// PATH, HOME and LANG come from the server's own environment; nothing else
// does. Events wait in memory: those that have not been started are lost when
// the process ends or the queue is full. Commands of different events run side
// by side, so they may begin and end in another order than the events.
//
// A command ends when its program has ended and its output is closed. What is
// left of its process group at the time-out is killed. A background process
// that has closed its output (cmd >/dev/null 2>&1 &), or has left the group
// (setsid), is on its own. On Windows, the program and its descendants take
// the place of the process group.
//
// # Webhook
//
// A Webhook posts each event as JSON, and keeps it in a file of the spool
// directory until the receiver has answered 2xx. The body has the fields of
// server.Event and "id". A path that is not UTF-8 has, beside a "path" with
// replacement characters, its bytes in "path_base64" (and "target_base64",
// "file_base64", "target_file_base64").
// The headers are:
//
//	X-Portico-Event      as PORTICO_EVENT
//	X-Portico-Delivery   the "id" of the body, the same on every attempt
//	X-Portico-Timestamp  time of the attempt, in Unix seconds
//	X-Portico-Signature  sha256= and the HMAC-SHA256, in lower-case hex, of
//	                     the timestamp, a full stop and the body
//
// What is promised:
//
//   - Every event is delivered at least once. One that Notify has returned for
//     is in the spool, and outlives the process, even one that is killed. Twice
//     is possible: after an answer that got lost, or a kill between the answer
//     and the removal of the file. The receiver knows it by its "id".
//   - Events are posted one at a time, oldest first, also after a restart.
//     Events of one session keep their order.
//   - Network errors, redirects that are not followed, 408, 429 and 5xx are
//     tried again, without end unless GiveUpAfter sets one, after 1 s at first
//     and 5 min at last; a Retry-After of up to an hour is honoured. Until then
//     the later events wait.
//
// What is lost, counted by Dropped and logged: events that the receiver refuses
// with another 4xx, or does not take until they are too old (GiveUpAfter); the
// oldest ones, where more than MaxSpooled wait; events that cannot be written because the disk is full or broken. Files are not
// forced to the disk one by one, so a crash of the machine (not the process)
// may lose the last seconds; a file that it leaves incomplete is renamed to
// end in ".bad", logged and never posted.
//
// A spool directory belongs to one Webhook at a time: two would both deliver
// what they find at their start.
//
// # What it does not do
//
// Nothing is made of the receiver's answer, and no event can be refused: what
// it tells of has been done.
package notify
