package shared

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/portico-ftp/portico/driver/quota"
)

// Counts are what accounts with a quota keep, as all replicas have counted it. It
// is safe for concurrent use.
//
// An account is a hash with its bytes and files, and for each replica the sum of
// the changes that it has made. From that sum a change is known that was made
// though its answer was lost.
type Counts struct{ state *State }

// Counts are the shared counts of quotas, for quota.OpenShared.
func (s *State) Counts() *Counts { return &Counts{s} }

var _ quota.Counter = (*Counts)(nil)

const partQuotas = "quotas"

// countLua reads the count: its name, bytes and files. Of what is none the name is
// empty.
const countLua = `
local since, bytes, files = unpack(redis.call('HMGET', KEYS[1], 'since', 'bytes', 'files'))
bytes, files = tonumber(bytes or ''), tonumber(files or '')
if not since or not bytes or not files then since, bytes, files = '', 0, 0 end
local function number(n) return string.format('%.0f', n) end
`

// changeScript answers with the count, whether it was refused, and the bytes that
// were added beyond what was asked for.
var changeScript = redis.NewScript(countLua + `
local me, last = ARGV[1], ARGV[10]
local byBytes, byFiles, spare = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local maxBytes, maxFiles = tonumber(ARGV[6]), tonumber(ARGV[7])
local mineBytes, mineFiles = tonumber(ARGV[8]), tonumber(ARGV[9])
if since == '' or since ~= ARGV[2] then return {since, number(bytes), number(files), '0', '0'} end
local saidBytes, saidFiles = string.match(redis.call('HGET', KEYS[1], me) or '', '^(-?%d+) (-?%d+)$')
if saidBytes then
	bytes = bytes + mineBytes - tonumber(saidBytes)
	files = files + mineFiles - tonumber(saidFiles)
end
local refused = 0
if byBytes > 0 and maxBytes > 0 and bytes + byBytes > maxBytes or byFiles > 0 and maxFiles > 0 and files + byFiles > maxFiles then
	refused, byBytes, byFiles, spare = 1, 0, 0, 0
end
if spare > 0 and maxBytes > 0 then
	spare = math.max(0, math.min(spare, math.floor((maxBytes - bytes - byBytes) / 8)))
end
bytes, files = math.max(0, bytes + byBytes + spare), math.max(0, files + byFiles)
redis.call('HSET', KEYS[1], 'bytes', number(bytes), 'files', number(files))
if last == '1' then
	redis.call('HDEL', KEYS[1], me)
else
	redis.call('HSET', KEYS[1], me, number(mineBytes + byBytes + spare) .. ' ' .. number(mineFiles + byFiles))
end
return {since, number(bytes), number(files), number(refused), number(spare)}`)

// setScript answers with the count.
var setScript = redis.NewScript(countLua + `
if since ~= '' and ARGV[4] == '1' then return {since, number(bytes), number(files)} end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'since', ARGV[1], 'bytes', ARGV[2], 'files', ARGV[3])
return {ARGV[1], ARGV[2], ARGV[3]}`)

var countScript = redis.NewScript(countLua + `return {since, number(bytes), number(files)}`)

// Generation implements quota.Counter.
func (c *Counts) Generation() uint64 {
	_, joined := c.state.now()
	return joined
}

func (c *Counts) key(account string) string { return c.state.key("quota:" + account) }

// Count implements quota.Counter.
func (c *Counts) Count(account string) (quota.Count, error) {
	count, _, err := c.run(countScript, account)
	return count, err
}

// Change implements quota.Counter.
func (c *Counts) Change(account string, change quota.Change) (quota.ChangeResult, error) {
	count, rest, err := c.run(changeScript, account, "by "+c.state.name, change.Since,
		change.By.Bytes, change.By.Files, change.Spare, change.Limits.Bytes, change.Limits.Files,
		change.Before.Bytes, change.Before.Files, oneIf(change.Last))
	if err != nil {
		return quota.ChangeResult{}, err
	}
	return quota.ChangeResult{Count: count, Refused: rest[0] == 1, Spare: rest[1]}, nil
}

// Set implements quota.Counter.
func (c *Counts) Set(account string, usage quota.Usage, ifUnknown bool) (quota.Count, error) {
	count, _, err := c.run(setScript, account, rand.Text(), usage.Bytes, usage.Files, oneIf(ifUnknown))
	return count, err
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// run runs a script that answers with a count and perhaps more numbers.
func (c *Counts) run(script *redis.Script, account string, args ...any) (count quota.Count, rest []int64, err error) {
	err = c.state.ask(partQuotas, func(ctx context.Context) error {
		answer, err := script.Run(ctx, c.state.redis, []string{c.key(account)}, args...).StringSlice()
		if err != nil {
			return err
		}
		numbers, err := numbersOf(answer[1:])
		if err != nil {
			return err
		}
		count = quota.Count{Since: answer[0], Usage: quota.Usage{Bytes: numbers[0], Files: numbers[1]}}
		rest = numbers[2:]
		return nil
	})
	return count, rest, err
}

func numbersOf(texts []string) ([]int64, error) {
	numbers := make([]int64, len(texts))
	for i, text := range texts {
		var err error
		if numbers[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fmt.Errorf("shared: an answer about a quota: %w", err)
		}
	}
	return numbers, nil
}
