-- Takes a place among the live tokens of a minter, and says when the token begins and ends: the clock of Redis is the only one.
-- KEYS[1]  tokens:minter:{<id>}:<epoch>, a zset of token ids by end
-- ARGV[1]  id of the token
-- ARGV[2]  its life, milliseconds
-- ARGV[3]  live tokens that a minter may have
-- Result   { created at, expires at }, milliseconds since the epoch; { } when there is no place left
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  return {}
end
local ends = string.format('%.0f', now + tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], ends, ARGV[1])
redis.call('PEXPIREAT', KEYS[1], ends, 'NX')
redis.call('PEXPIREAT', KEYS[1], ends, 'GT')
return { now, now + tonumber(ARGV[2]) }
