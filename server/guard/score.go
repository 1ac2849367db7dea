package guard

import (
	"math"
	"net/netip"
	"sync"
	"time"
)

// scores holds what addresses have done. IPv6 addresses stand for their /64.
type scores struct {
	threshold float32
	password  float32 // weight of a wrong password
	halfLife  float64 // in seconds
	forget    time.Duration
	max       int
	start     time.Time

	mu      sync.Mutex
	entries map[netip.Addr]score
}

// score is what one address has done. Times count from scores.start, which
// takes a third of the memory of a time.Time.
type score struct {
	points   float32
	forgiven float32       // points taken back by logins; fades as points do
	at       time.Duration // when both were so
	banEnd   time.Duration // of the last ban
	strikes  int32         // bans
}

func newScores(o Options) *scores {
	return &scores{
		threshold: float32(o.Threshold), password: float32(o.Weights.WrongPassword),
		halfLife: o.HalfLife.Seconds(), forget: o.MaxBan, max: o.MaxScores,
		start: o.Now(), entries: make(map[netip.Addr]score),
	}
}

// add adds an offence. It says whether that is now too much, and the how
// manieth ban that makes.
func (s *scores) add(addr netip.Addr, weight int, now time.Time) (strikes int, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, known := s.entries[addr]
	entry = s.fade(entry, s.since(now))
	entry.points += float32(weight)
	// Rounded, because of three offences of 2 points a little has faded already
	// when the third comes.
	if over = entry.points >= s.threshold-0.5; over {
		entry.points, entry.forgiven = 0, 0
		entry.strikes++
	}
	if !known {
		s.makeRoomLocked(entry.at)
	}
	s.entries[addr] = entry
	return int(entry.strikes), over
}

// forgive takes back what a wrong password costs, if that was not done too
// often lately.
func (s *scores) forgive(addr netip.Addr, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, known := s.entries[addr]
	if !known {
		return
	}
	entry = s.fade(entry, s.since(now))
	taken := max(0, min(s.password, entry.points, s.threshold-entry.forgiven))
	entry.points -= taken
	entry.forgiven += taken
	s.entries[addr] = entry
}

// banned notes when a ban ends: until some time later it makes the next longer.
func (s *scores) banned(addr netip.Addr, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if entry, known := s.entries[addr]; known {
		entry.banEnd = s.since(until)
		s.entries[addr] = entry
	}
}

// remember takes over what a ban from the file tells of the past.
func (s *scores) remember(b Ban, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := b.Network.Addr()
	if b.Count == 0 || b.Network != NetworkOf(addr) {
		return // the operator's
	}
	entry, known := s.entries[addr]
	if !known {
		s.makeRoomLocked(s.since(now))
	}
	entry.at, entry.banEnd, entry.strikes = s.since(now), s.since(b.Until), int32(b.Count)
	s.entries[addr] = entry
}

func (s *scores) since(now time.Time) time.Duration { return now.Sub(s.start) }

// fade is the entry as it is now. A clock that runs backwards changes nothing.
func (s *scores) fade(entry score, now time.Duration) score {
	if passed := (now - entry.at).Seconds(); passed > 0 {
		left := float32(math.Exp2(-passed / s.halfLife))
		entry.points *= left
		entry.forgiven *= left
		entry.at = now
	}
	if entry.strikes > 0 && now-entry.banEnd > s.forget {
		entry.strikes = 0
	}
	return entry
}

// sampled is how many entries are looked at to find one that can go.
const sampled = 8

// makeRoomLocked drops the least of a few entries when there are too many. A
// map starts to be read at a place that no client can foretell.
func (s *scores) makeRoomLocked(now time.Duration) {
	if len(s.entries) < s.max {
		return
	}
	var least netip.Addr
	worth, looked := float32(math.Inf(1)), 0
	for addr, entry := range s.entries {
		if w := s.worth(entry, now); w < worth {
			least, worth = addr, w
		}
		if looked++; looked == sampled {
			break
		}
	}
	delete(s.entries, least)
}

// worth says how much would be forgotten with an entry.
func (s *scores) worth(entry score, now time.Duration) float32 {
	entry = s.fade(entry, now)
	return entry.points + float32(entry.strikes)*s.threshold
}

// sweep drops what has faded away.
func (s *scores) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for addr, entry := range s.entries {
		if s.worth(entry, s.since(now)) < 0.1 {
			delete(s.entries, addr)
		}
	}
}

// pardon forgets an address.
func (s *scores) pardon(addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, addr)
}
