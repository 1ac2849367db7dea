package shared

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-ftp/portico/server/guard"
)

// Bans are the bans of all replicas. It is safe for concurrent use.
//
// They are a hash with a field for each network. Every change has a number, and
// a list has the networks of the last ones, so that nobody has to read all bans
// to learn of one. A name that is drawn when the numbers begin tells a Redis that
// has lost them from one that has not.
type Bans struct{ state *State }

// Bans are the shared bans, for guard.Options.Shared.
func (s *State) Bans() *Bans { return &Bans{s} }

var _ guard.SharedBans = (*Bans)(nil)

const partBans = "bans"

// changesScript answers with the time, the name, the number of the last change,
// whether the rest is all bans, and networks and bans in turns, a ban that is
// gone being empty.
var changesScript = redis.NewScript(`
local time = redis.call('TIME')
local name = redis.call('HGET', KEYS[1], 'name') or ''
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0) or 0
local answer = {time[1], time[2], name, version, 1}
local missed = version - tonumber(ARGV[2])
if name ~= ARGV[1] or missed < 0 or missed > redis.call('LLEN', KEYS[3]) then
	for _, text in ipairs(redis.call('HGETALL', KEYS[2])) do answer[#answer + 1] = text end
	return answer
end
answer[5] = 0
if missed == 0 then return answer end
for _, network in ipairs(redis.call('LRANGE', KEYS[3], 0, missed - 1)) do
	answer[#answer + 1] = network
	answer[#answer + 1] = redis.call('HGET', KEYS[2], network) or ''
end
return answer`)

// updateScript takes networks and bans in turns: first how many to put in and
// those, then those to take out.
var updateScript = redis.NewScript(`
redis.call('HSETNX', KEYS[1], 'name', ARGV[1])
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0) or 0
local function changed(network)
	version = version + 1
	redis.call('LPUSH', KEYS[3], network)
end
local put = tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
	local network, ban = ARGV[i], ARGV[i + 1]
	if (i - 3) / 2 < put then
		redis.call('HSET', KEYS[2], network, ban)
		changed(network)
	elseif redis.call('HGET', KEYS[2], network) == ban then
		redis.call('HDEL', KEYS[2], network)
		changed(network)
	end
end
redis.call('HSET', KEYS[1], 'version', version)
redis.call('LTRIM', KEYS[3], 0, 9999)
return 1`)

func (b *Bans) keys() []string {
	return []string{b.state.key("bans:state"), b.state.key("bans"), b.state.key("bans:log")}
}

// Changes implements guard.SharedBans.
func (b *Bans) Changes(since string) (guard.BanChanges, error) {
	name, version, _ := strings.Cut(since, ":")
	if version == "" {
		version = "0"
	}
	var answer []any
	err := b.state.askFor(joinPatience, partBans, func(ctx context.Context) (err error) {
		answer, err = changesScript.Run(ctx, b.state.redis, b.keys(), name, version).Slice()
		return err
	})
	if err != nil {
		return guard.BanChanges{}, err
	}
	changes, err := readChanges(answer)
	if err != nil {
		b.state.complain(partBans, err)
		return guard.BanChanges{}, err
	}
	// Where there is no name there never was a ban: nothing was lifted there.
	changes.Lost = changes.Position == ":0" || name != "" && !strings.HasPrefix(changes.Position, name+":")
	return changes, nil
}

func readChanges(answer []any) (guard.BanChanges, error) {
	texts := make([]string, len(answer))
	for i, value := range answer {
		texts[i] = fmt.Sprint(value)
	}
	if len(texts) < 5 || len(texts)%2 == 0 {
		return guard.BanChanges{}, fmt.Errorf("shared: an answer about bans has %d parts", len(texts))
	}
	seconds, err := strconv.ParseInt(texts[0], 10, 64)
	if err != nil {
		return guard.BanChanges{}, fmt.Errorf("shared: the time of Redis: %w", err)
	}
	micros, err := strconv.ParseInt(texts[1], 10, 64)
	if err != nil {
		return guard.BanChanges{}, fmt.Errorf("shared: the time of Redis: %w", err)
	}
	changes := guard.BanChanges{
		Clock: time.Unix(seconds, 1000*micros), Position: texts[2] + ":" + texts[3], Whole: texts[4] == "1",
	}
	seen := make(map[string]bool)
	for i := 5; i < len(texts); i += 2 {
		if seen[texts[i]] {
			continue
		}
		seen[texts[i]] = true
		if err := addChange(&changes, texts[i], texts[i+1]); err != nil {
			return changes, err
		}
	}
	return changes, nil
}

func addChange(changes *guard.BanChanges, name, text string) error {
	network, err := netip.ParsePrefix(name)
	if err != nil {
		return fmt.Errorf("shared: the bans in Redis have %q in place of a network", name)
	}
	if text == "" {
		changes.Lifted = append(changes.Lifted, network)
		return nil
	}
	var ban guard.Ban
	if err := json.Unmarshal([]byte(text), &ban); err != nil || ban.Network != network {
		return fmt.Errorf("shared: what Redis has as the ban of %v is none", network)
	}
	changes.Bans = append(changes.Bans, ban)
	return nil
}

// updateBatch is how many bans are changed at one time: Redis serves nobody else
// meanwhile.
const updateBatch = 1000

// Update implements guard.SharedBans.
func (b *Bans) Update(put, remove []guard.Ban) error {
	for len(put)+len(remove) > 0 {
		now := put[:min(len(put), updateBatch)]
		gone := remove[:min(len(remove), updateBatch-len(now))]
		if err := b.update(now, gone); err != nil {
			return err
		}
		put, remove = put[len(now):], remove[len(gone):]
	}
	return nil
}

func (b *Bans) update(put, remove []guard.Ban) error {
	args := []any{rand.Text(), len(put)}
	for _, bans := range [][]guard.Ban{put, remove} {
		for _, ban := range bans {
			text, err := json.Marshal(ban)
			if err != nil {
				return err
			}
			args = append(args, ban.Network.String(), text)
		}
	}
	return b.state.askFor(joinPatience, partBans, func(ctx context.Context) error {
		return updateScript.Run(ctx, b.state.redis, b.keys(), args...).Err()
	})
}
