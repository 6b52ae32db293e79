-- Reserves bytes in a token bucket, whose state is one moment: when it was or will be empty. It fills at the rate, so a rate that
-- changes leaves the turns alone that were given before. Exact: what is less than a microsecond is kept as a fraction.
-- KEYS[1]  bandwidth:<bucket tag>:user:<id>: hash of `empty` (µs), `part` of a microsecond beyond it, in 1/`rate`, and `at` (µs), when
--          it was last asked; full when it is missing
-- ARGV[1]  bytes, at least 1, at most 2^32
-- ARGV[2]  rate, bytes/s, at least 1, at most 2^52
-- ARGV[3]  burst: how much can be saved up, µs at that rate
-- Result   µs until the bytes may be sent
local bytes, rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'empty', 'part', 'rate', 'at')
local empty, part, before, at = tonumber(kept[1]), tonumber(kept[2]), tonumber(kept[3]), tonumber(kept[4])

-- Another server's clock after a failover, or one that was set back: nobody waits for the difference.
if empty and now < at then empty = empty - (at - now) end
if not empty or empty < now - burst then
  empty, part = now - burst, 0
elseif before ~= rate and part > 0 then
  empty, part = empty + 1, 0
end
part = part + bytes * 1000000
empty, part = empty + math.floor(part / rate), part % rate

local wait = math.max(0, empty + (part > 0 and 1 or 0) - now)
redis.call('HSET', KEYS[1], 'empty', empty, 'part', part, 'rate', rate, 'at', now)
-- From then on it is full, as a missing one is.
redis.call('PEXPIRE', KEYS[1], math.ceil((math.max(0, empty - now) + burst) / 1000) + 1)
return wait
