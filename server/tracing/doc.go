// Package tracing makes OpenTelemetry traces of sessions: a span for each session,
// below it one for each command, and below that one for each operation on the
// storage.
//
//	recorder := tracing.New(provider)
//	srv, err := server.New(server.Options{
//		Auth:      accounts,
//		OnSession: recorder.Session,
//		OnCommand: recorder.Command,
//	})
//	if err != nil {
//		return err
//	}
//
// An operation on the storage is told by a layer, with driver.Place.SessionID, to
// Recorder.Storage.
//
// The server tells of a command when it is over, so its span is made then, with the
// times of before. What is not sampled costs a look-up in a map.
package tracing
