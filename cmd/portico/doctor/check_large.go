package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"time"
)

const (
	// smallestLarge is how large a file must be to tell something: it takes
	// dozens of full packets.
	smallestLarge = 64 << 10

	pathMTU = "full packets do not get through while small ones do: let ICMP 'fragmentation needed' and 'packet too big' pass the firewalls, or clamp the MSS on the tunnel"
)

// checkLarge moves a file of many full packets both ways, or one way if this
// user may not write.
func (c *course) checkLarge(ctx context.Context) {
	check := Check{Name: "large-transfer", Area: AreaTransfer}
	switch {
	case c.passive == "":
		check.Verdict, check.Detail = Skipped, "no passive data connection works"
		c.note(check)
		return
	case c.ReadOnly:
		c.downloadLargest(ctx, check, "nothing may be written")
		return
	}
	content := make([]byte, c.Size)
	rand.Read(content)
	name := temporaryName()
	up, err := c.move(ctx, transfer{command: "STOR " + name, upload: bytes.NewReader(content)})
	switch {
	case err != nil:
		c.skip(check, err)
	case up.opening.negative():
		c.downloadLargest(ctx, check, "this user may not upload")
	case !up.succeeded():
		c.noteLarge(check, "the upload", up)
		c.cleanUp(ctx, name)
	default:
		c.downloadBack(ctx, check, name, content, up)
		c.cleanUp(ctx, name)
	}
}

// temporaryName tells whoever finds the file whose it is.
func temporaryName() string { return "portico-doctor-" + rand.Text()[:10] + ".tmp" }

// move makes a transfer in the passive mode that works.
func (c *course) move(ctx context.Context, t transfer) (*result, error) {
	s, err := c.live(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := c.openPassive(ctx, s)
	if err != nil {
		return nil, err
	}
	t.connect = given(conn)
	return c.transfer(ctx, s, t), nil
}

func (c *course) downloadBack(ctx context.Context, check Check, name string, content []byte, up *result) {
	sum := sha256.New()
	down, err := c.move(ctx, transfer{command: "RETR " + name, into: sum, limit: c.Size + 1})
	switch {
	case err != nil:
		c.skip(check, err)
		return
	case down.opening.negative(): // an upload-only account
		check.Verdict = OK
		check.Detail = fmt.Sprintf("%d bytes up in %v; this user may not download them", up.moved, up.took.Round(time.Millisecond))
	case !down.succeeded():
		c.noteLarge(check, "the download", down)
		return
	case !bytes.Equal(sum.Sum(nil), digest(content)):
		check.Verdict = Blocked
		check.Detail = fmt.Sprintf("%d bytes went up and %d other bytes came back", up.moved, down.moved)
		check.Remedy = "look for something on the way, or a server, that changes files (TYPE A, virus scanners)"
	default:
		check.Verdict = OK
		check.Detail = fmt.Sprintf("%d bytes up in %v, down in %v, the same", up.moved, up.took.Round(time.Millisecond), down.took.Round(time.Millisecond))
	}
	c.note(check)
}

func digest(content []byte) []byte {
	sum := sha256.Sum256(content)
	return sum[:]
}

// downloadLargest reads the beginning of the largest file that a listing shows.
func (c *course) downloadLargest(ctx context.Context, check Check, why string) {
	name, size := c.largestFile(ctx)
	if size < smallestLarge {
		check.Verdict, check.Detail = Skipped, why+", and the directory has no file of 64 KiB or more to download"
		c.note(check)
		return
	}
	down, err := c.move(ctx, transfer{command: "RETR " + name, into: io.Discard, limit: min(size, c.Size)})
	switch {
	case err != nil:
		c.skip(check, err)
	case down.opening.negative():
		check.Verdict, check.Detail = Skipped, fmt.Sprintf("%s, and the largest file is refused (%v)", why, down.opening)
		c.note(check)
	case !down.succeeded():
		c.noteLarge(check, "the download", down)
	default:
		check.Verdict = OK
		check.Detail = fmt.Sprintf("%d bytes down in %v; no upload: %s", down.moved, down.took.Round(time.Millisecond), why)
		c.note(check)
	}
}

// noteLarge reports a large transfer that failed where a small one had not.
func (c *course) noteLarge(check Check, what string, r *result) {
	check.Verdict, check.Detail = Blocked, fmt.Sprintf("%s failed: %s", what, r.problem())
	check.Remedy = "look at the server's log of this transfer (quota, disk), and for a firewall that inspects data connections"
	if r.stalled() {
		check.Remedy = pathMTU
	}
	c.note(check)
}

// largestFile finds a file to download, "" and 0 if there is none.
func (c *course) largestFile(ctx context.Context) (string, int64) {
	verb, parse := "LIST", largestInLIST
	if c.features["MLST"] {
		verb, parse = "MLSD", largestInMLSD
	}
	listing := &bytes.Buffer{}
	if r, err := c.move(ctx, transfer{command: verb, into: listing, limit: listingLimit}); err != nil || !r.succeeded() {
		return "", 0
	}
	return parse(listing.String())
}

const cleanUpName = "clean-up"

// cleanUp deletes what this examination has written, also when its time is
// over.
func (c *course) cleanUp(ctx context.Context, name string) {
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
		c.close() // with its context the session has ended
		c.reopenings = 0
	}
	ctx, cancel := context.WithTimeout(ctx, 4*c.Timeout)
	defer cancel()
	problem := ""
	if s, err := c.live(ctx); err != nil {
		problem = err.Error()
	} else if r, err := s.command("DELE %s", name); err != nil {
		problem = reason(err)
	} else if r.negative() && r.code != 550 { // 550: it is not there
		problem = r.String()
	}
	if problem != "" {
		c.note(Check{Name: cleanUpName, Area: AreaTransfer, Verdict: Warn,
			Detail: fmt.Sprintf("the file %s could not be deleted: %s", name, problem), Remedy: "delete it by hand"})
	}
	if c.session != nil && c.session.broken {
		c.close()
	}
}
