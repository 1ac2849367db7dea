package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"go.uber.org/zap"
)

const (
	// pollInterval is how soon a ban that the operator has lifted is lifted.
	pollInterval = 250 * time.Millisecond
	// expireInterval is how soon an ended ban is told of: it counts no more
	// from the moment that it ends.
	expireInterval = 2 * time.Second
	sweepInterval  = time.Minute
	// lockPatience is how long others may hold the file: it is tried again.
	lockPatience = 100 * time.Millisecond
	// writeShare bounds the time that is spent writing a large file of bans.
	writeShare = 20
	// clockJump is how far the time of day may move on its own before the file,
	// which holds such times, is written anew.
	clockJump = time.Minute
)

// syncedFile is the file of bans as it was last seen. One goroutine uses it.
type syncedFile struct {
	file    File
	seen    stamp
	content map[netip.Prefix]Ban // with times as in the file
	invalid bool                 // holds no bans; is kept beside when it is replaced
	broken  bool                 // was logged
	next    time.Time            // when it may be written again
	closing bool
	at, day time.Time // when it was written or loaded: monotonic, and the time of day
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
	info     os.FileInfo
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size(), info}
}

func (s stamp) equals(other stamp) bool {
	if (s.info == nil) != (other.info == nil) {
		return false
	}
	return s.info == nil || s.modified.Equal(other.modified) && s.size == other.size && os.SameFile(s.info, other.info)
}

// Run keeps files and memory alike: it reads lists and bans that have changed,
// writes new bans, and ends those that are over. It returns when ctx is done
// and everything is written.
func (g *Guard) Run(ctx context.Context) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	var expired, swept time.Time
	for {
		select {
		case <-ctx.Done():
			g.close()
			return
		case <-poll.C:
		}
		now := g.opts.Now()
		if now.Sub(expired) >= expireInterval {
			expired = now
			g.expire(now)
		}
		if now.Sub(swept) >= sweepInterval {
			swept = now
			g.scores.sweep(now)
		}
		g.reloadLists()
		g.syncOthers(now) // first, or what they have lifted would be in the file for longer
		g.syncBans(now)
	}
}

func (g *Guard) expire(now time.Time) {
	for _, b := range g.bans.expire(now) {
		g.tellUnban(b, "expired")
	}
}

// Sync makes the file of bans, those of other servers and the memory alike now.
// Run does so by itself; the two must not be called at the same time.
func (g *Guard) Sync() {
	if g.others != nil {
		g.others.next = time.Time{}
		g.syncOthers(g.opts.Now())
	}
	if g.file != nil {
		g.file.next = time.Time{}
		g.syncBans(g.opts.Now())
	}
}

// close leaves a file behind that the next process can start with.
func (g *Guard) close() {
	if g.file != nil {
		g.file.closing = true
	}
	g.Sync()
}

// loadBans reads the file at the start. What cannot be read then is an error:
// to go on without would let everybody in who was banned.
func (g *Guard) loadBans() error {
	f, now := g.file, g.opts.Now()
	f.seen, f.at, f.day = stampOf(f.file.Path), now, now.Round(0)
	bans, err := f.file.Read()
	if err != nil {
		return fmt.Errorf("guard: read the bans: %w: mend the file, or take it away", err)
	}
	f.content = byNetwork(bans)
	for _, b := range bans {
		if b = b.fromFile(now); !b.isOver(now) {
			g.bans.set(b, theOthers)
		}
		g.scores.remember(b, now)
	}
	return nil
}

func (g *Guard) syncBans(now time.Time) {
	f := g.file
	if f == nil {
		return
	}
	changed := g.bans.isChanged(theFile) || f.clockJumped(now) || f.closing && f.invalid
	mayWrite := !now.Before(f.next)
	if f.seen.equals(stampOf(f.file.Path)) && !(changed && mayWrite) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	err := f.file.locked(ctx, func() error {
		if err := g.readChanges(now); err != nil {
			return err
		}
		if !changed || !mayWrite {
			return nil
		}
		return g.writeBans(now)
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		g.complain(err)
		return
	}
	f.broken = f.broken && err != nil
}

// complain logs what is wrong with the file once, until it is right again.
func (g *Guard) complain(err error) {
	if !g.file.broken {
		g.file.broken = true
		g.log.Error("the file of bans cannot be used, those in memory stay", zap.Error(err))
	}
}

// readChanges takes over what others have changed in the file since it was last
// seen. A file that is gone is made again. One that holds something else, half
// of it perhaps, changes nothing: somebody may be about to mend it. It is
// replaced with the next ban, or at the end.
func (g *Guard) readChanges(now time.Time) error {
	f := g.file
	at := stampOf(f.file.Path)
	if f.seen.equals(at) {
		return nil
	}
	bans, err := f.file.Read()
	switch {
	case errors.Is(err, ErrInvalid):
		f.seen, f.invalid = at, true
		g.complain(err)
		return nil
	case err != nil:
		return err
	}
	f.seen, f.invalid = at, false
	if at.info == nil {
		g.log.Warn("the file of bans is gone: it is made again. Lift bans with portico ban del", zap.String("file", f.file.Path))
		g.bans.markChanged(theFile)
		return nil
	}
	f.broken = false
	after := byNetwork(bans)
	for network := range f.content {
		if _, still := after[network]; !still {
			g.lift(network, now, theOthers)
		}
	}
	for network, b := range after {
		if before, was := f.content[network]; was && before.same(b) {
			continue
		}
		if b = b.fromFile(now); !b.isOver(now) {
			g.bans.set(b, theOthers)
			g.tellBan(b)
		}
	}
	f.content = after
	return nil
}

func (g *Guard) writeBans(now time.Time) error {
	f := g.file
	bans := g.bans.takeChanges(now, theFile)
	for i, b := range bans {
		bans[i] = b.toFile(now)
	}
	started := time.Now()
	if f.invalid {
		if err := os.Rename(f.file.Path, f.file.Path+".invalid"); err != nil {
			g.log.Warn("what was no file of bans is lost", zap.Error(err))
		}
	}
	if err := f.file.write(bans); err != nil {
		g.bans.markChanged(theFile)
		f.next = now.Add(time.Second)
		return fmt.Errorf("guard: write the bans: %w", err)
	}
	f.next = now.Add(max(time.Second, writeShare*time.Since(started)))
	f.seen, f.content, f.invalid = stampOf(f.file.Path), byNetwork(bans), false
	f.at, f.day = now, now.Round(0)
	return nil
}

// clockJumped says whether the time of day has been set since the file was
// seen: its times would then mean something else at the next start.
func (f *syncedFile) clockJumped(now time.Time) bool {
	jump := now.Round(0).Sub(f.day) - now.Sub(f.at)
	return jump.Abs() > clockJump
}

// toFile is the ban with times of day, in whole seconds.
func (b Ban) toFile(now time.Time) Ban { return b.toClock(now, now) }

// toClock is toFile for a clock whose time of day is another one now.
func (b Ban) toClock(now, day time.Time) Ban {
	day = day.Round(0).UTC()
	b.Since = day.Add(b.Since.Sub(now)).Round(time.Second)
	if !b.Until.IsZero() {
		b.Until = day.Add(b.Until.Sub(now)).Round(time.Second)
	}
	return b
}

// fromFile is the ban with times that no clock can change. It lasts no longer
// than it was made for, though the file may come from a clock that was ahead.
func (b Ban) fromFile(now time.Time) Ban { return b.fromClock(now, now) }

// fromClock is fromFile for a clock whose time of day is another one now.
func (b Ban) fromClock(now, day time.Time) Ban {
	day = day.Round(0)
	if b.Until.IsZero() {
		b.Since = now.Add(min(0, b.Since.Sub(day)))
		return b
	}
	length := b.Until.Sub(b.Since)
	b.Until = now.Add(min(length, b.Until.Sub(day)))
	b.Since = b.Until.Add(-length)
	return b
}

func byNetwork(bans []Ban) map[netip.Prefix]Ban {
	all := make(map[netip.Prefix]Ban, len(bans))
	for _, b := range bans {
		all[b.Network] = b
	}
	return all
}
