package config

import (
	"net/netip"
	"time"
)

// Defence settles who may connect, and who no longer may after an attack.
type Defence struct {
	// Enabled bans addresses whose score comes over Threshold. Lists, and bans
	// that the operator has made, hold without it, too.
	Enabled bool `mapstructure:"enabled"`
	// Threshold is the score from which on an address is banned.
	Threshold int `mapstructure:"threshold"`
	// Weights are what offences add to a score.
	Weights DefenceWeights `mapstructure:"weights"`
	// HalfLife is the time in which a score loses half of itself.
	HalfLife time.Duration `mapstructure:"half_life"`
	// Ban is how long the first ban of an address lasts. Each further one is
	// twice as long.
	Ban time.Duration `mapstructure:"ban"`
	// MaxBan is how long the longest lasts.
	MaxBan time.Duration `mapstructure:"max_ban"`
	// BanFile is where bans are kept. Empty: they end with the process.
	BanFile Path `mapstructure:"ban_file"`
	// Allow are networks that are never banned and may always connect. Load
	// balancers that send a PROXY header are among them by themselves.
	Allow []netip.Prefix `mapstructure:"allow"`
	// Deny are networks that may not connect.
	Deny []netip.Prefix `mapstructure:"deny"`
	// Only are the only networks that may connect, besides Allow. Empty: all.
	Only []netip.Prefix `mapstructure:"only"`
	// AllowFile is a file with more of Allow, a network on each line. Like the
	// two below it is read again when it has changed.
	AllowFile Path `mapstructure:"allow_file"`
	// DenyFile is the same for Deny.
	DenyFile Path `mapstructure:"deny_file"`
	// OnlyFile is the same for Only.
	OnlyFile Path `mapstructure:"only_file"`
}

// DefenceWeights are what offences add to the score of an address. Zero:
// nothing.
type DefenceWeights struct {
	// WrongPassword is for a login that fails for any other reason than the
	// next.
	WrongPassword int `mapstructure:"wrong_password"`
	// UnknownUser is for a name that nobody has.
	UnknownUser int `mapstructure:"unknown_user"`
	// ProtocolAbuse is for what no FTP client does.
	ProtocolAbuse int `mapstructure:"protocol_abuse"`
	// WrongPeer is for a data connection in place of somebody else's.
	WrongPeer int `mapstructure:"wrong_peer"`
}

// defaultDefence bans after some ten wrong passwords in a short time. The
// machine itself is never banned: its address is that of local proxies and
// port forwarders, which is to say of everybody.
func defaultDefence() Defence {
	return Defence{
		Enabled: true, Threshold: 20, HalfLife: 10 * time.Minute, Ban: 10 * time.Minute, MaxBan: 24 * time.Hour,
		Weights: DefenceWeights{WrongPassword: 2, UnknownUser: 4, ProtocolAbuse: 4, WrongPeer: 2},
		Allow:   []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")},
	}
}

func (v *validation) checkDefence() {
	d := v.Defence
	for _, number := range []struct {
		key    string
		number int
	}{
		{"defence.weights.wrong_password", d.Weights.WrongPassword},
		{"defence.weights.unknown_user", d.Weights.UnknownUser},
		{"defence.weights.protocol_abuse", d.Weights.ProtocolAbuse},
		{"defence.weights.wrong_peer", d.Weights.WrongPeer},
	} {
		if number.number < 0 {
			v.add(number.key, "%d is negative: write 0 to let it count nothing", number.number)
		}
	}
	if d.Threshold <= 0 {
		v.add("defence.threshold", "%d is not above 0: write the score that is too much, or defence.enabled: false to ban nobody", d.Threshold)
	}
	v.positive("defence.half_life", d.HalfLife)
	v.positive("defence.ban", d.Ban)
	if d.Ban > 0 && d.MaxBan < d.Ban {
		v.add("defence.max_ban", "%v is shorter than defence.ban, %v: write at least that", FormatDuration(d.MaxBan), FormatDuration(d.Ban))
	}
}

func (v *validation) positive(key string, d time.Duration) {
	if d <= 0 {
		v.add(key, "%v is not above 0: write a time such as 10m", d)
	}
}
