-- That life of nginx was seen just now.
-- KEYS[1]  nginx:instances, zset of the lives by when they were last seen, milliseconds of Redis time
-- ARGV[1]  the instance
-- Result   that time
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
return now
