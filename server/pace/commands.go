package pace

import "time"

const (
	// commandBurst is how many seconds' worth of commands may come at once.
	commandBurst = 5
	// minCommandBurst is what a graphical client sends when it connects and
	// opens a directory, twice.
	minCommandBurst = 40
)

// Commands is the pace of one session's commands: so many per second, and for a
// short time more. Nil lets everything pass. One goroutine uses it.
type Commands struct {
	bucket bucket
	burst  int
	ahead  int // commands in a row that were slowed, and another had come meanwhile
}

// NewCommands returns a pace of so many commands per second, nil for 0. Five
// seconds' worth of them may come at once, and 40 in any case.
func NewCommands(perSecond int) *Commands {
	if perSecond <= 0 {
		return nil
	}
	burst := max(commandBurst*perSecond, minCommandBurst)
	c := &Commands{bucket: bucket{rate: float64(perSecond)}, burst: burst}
	c.bucket.burst = c.bucket.worth(int64(burst))
	return c
}

// Take counts a command. It returns how long to wait before it is acted on, and
// whether this is a flood: as many commands as the burst, each of them slowed,
// and never has the client waited for a reply. MoreHas says that the next
// command has come before this one was acted on.
func (c *Commands) Take(now time.Time, moreHas bool) (wait time.Duration, flood bool) {
	if c == nil {
		return 0, false
	}
	wait = c.bucket.take(now, 1)
	if wait > 0 && moreHas {
		c.ahead++
	} else {
		c.ahead = 0
	}
	return wait, c.ahead > c.burst
}
