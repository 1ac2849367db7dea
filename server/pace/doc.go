// Package pace holds things to a rate: bytes that transfers share (Link, Flow),
// commands of a session (Commands), and attempts by somebody (Attempts).
//
//	line := pace.NewLink(1 << 20) // a MiB per second, for all flows together
//	flow := pace.NewFlow(line)
//	defer flow.Close()
//	for len(data) > 0 {
//		n, err := flow.Await(ctx, int64(len(data)))
//		if err != nil {
//			return err
//		}
//		sent, err := conn.Write(data[:n])
//		flow.Spend(int64(sent))
//		if err != nil {
//			return err
//		}
//		data = data[sent:]
//	}
//
// All of it is token buckets that are kept as one instant: the time at which
// everything that was taken will have been earned. No goroutine and no timer
// fills them. golang.org/x/time/rate works alike, but a token that was taken
// there cannot be given back later, and a transfer of a small file gives back
// nearly all it took.
//
// Nothing here knows FTP or reads a clock, except for Flow, which waits.
package pace
