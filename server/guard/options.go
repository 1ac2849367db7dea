package guard

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server"
)

// Options configures a Guard. The zero value is mild, and remembers nothing
// across restarts.
type Options struct {
	// Off bans nobody for what they do: lists, and the operator's bans, hold
	// nevertheless.
	Off bool
	// Weights are what offences add to a score. Zero: DefaultWeights.
	Weights Weights
	// Threshold is the score from which on an address is banned. Zero: 20.
	Threshold int
	// HalfLife is the time in which a score loses half of itself. Zero: 10 min.
	HalfLife time.Duration
	// Ban is how long the first ban of an address lasts. Zero: 10 min.
	Ban time.Duration
	// MaxBan is how long the longest lasts. Zero: 24 h.
	MaxBan time.Duration

	// Lists are the networks with a rule of their own.
	Lists Lists

	// BanFile is where bans are kept. It is read again when it has changed, and
	// made when there is the first ban; its directory must exist. Empty: bans
	// end with the process.
	BanFile string

	// Shared is where this server and others keep bans together, beside BanFile:
	// what each of them bans or lifts, all do within a second. Nil: this server
	// bans alone.
	Shared SharedBans

	// MaxScores is how many addresses have a score at one time. Zero: 100,000,
	// some 10 MB.
	MaxScores int
	// MaxBans is how many bans there are at one time. Zero: 200,000, some 30 MB.
	MaxBans int

	// OnSecurity is told of bans that begin and end and of lists that were read
	// again, with no lock held. It must return soon. Nil: nobody is told.
	OnSecurity func(server.SecurityEvent)

	// Now tells the time. Its times should have a monotonic reading. Nil:
	// time.Now.
	Now func() time.Time

	// Logger receives the guard's log. Nil: nothing is logged.
	Logger *zap.Logger
}

// Weights are what offences add to the score of an address. Zero adds nothing.
type Weights struct {
	// WrongPassword is for a login that was denied for any other reason than
	// the next.
	WrongPassword int
	// UnknownUser is for a login with a name that nobody has.
	UnknownUser int
	// ProtocolAbuse is for each server.SecurityProtocolAbuse.
	ProtocolAbuse int
	// WrongPeer is for a data connection that came in place of somebody else's.
	WrongPeer int
}

// DefaultWeights bans after ten wrong passwords, or five unknown users, in a
// short time.
func DefaultWeights() Weights {
	return Weights{WrongPassword: 2, UnknownUser: 4, ProtocolAbuse: 4, WrongPeer: 2}
}

func (o Options) withDefaults() Options {
	if o.Weights == (Weights{}) {
		o.Weights = DefaultWeights()
	}
	orDefault(&o.Threshold, 20)
	orDefault(&o.HalfLife, 10*time.Minute)
	orDefault(&o.Ban, 10*time.Minute)
	orDefault(&o.MaxBan, max(24*time.Hour, o.Ban))
	orDefault(&o.MaxScores, 100_000)
	orDefault(&o.MaxBans, 200_000)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

func orDefault[T comparable](value *T, byDefault T) {
	var zero T
	if *value == zero {
		*value = byDefault
	}
}

func (o Options) validate() error {
	var faults []error
	positive := func(name string, ok bool) {
		if !ok {
			faults = append(faults, fmt.Errorf("guard: Options.%s is negative", name))
		}
	}
	w := o.Weights
	positive("Weights", min(w.WrongPassword, w.UnknownUser, w.ProtocolAbuse, w.WrongPeer) >= 0)
	positive("Threshold", o.Threshold > 0)
	positive("HalfLife", o.HalfLife > 0)
	positive("Ban", o.Ban > 0)
	positive("MaxScores", o.MaxScores > 0)
	positive("MaxBans", o.MaxBans > 0)
	if o.MaxBan < o.Ban {
		faults = append(faults, fmt.Errorf("guard: Options.MaxBan is %v, less than Options.Ban, %v", o.MaxBan, o.Ban))
	}
	return errors.Join(faults...)
}

// of is what an event adds to a score.
func (w Weights) of(e server.SecurityEvent) int {
	switch {
	case e.Kind == server.SecurityLoginFailed && e.Reason == "unknown_user":
		return w.UnknownUser
	case e.Kind == server.SecurityLoginFailed:
		return w.WrongPassword
	case e.Kind == server.SecurityProtocolAbuse:
		return w.ProtocolAbuse
	case e.Kind == server.SecurityWrongPeer && e.Reason == "foreign":
		return w.WrongPeer
	default:
		return 0
	}
}
