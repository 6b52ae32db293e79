-- The live tokens of a file, newest first, and those of one millisecond by descending id. Drops those that are over from the list.
-- KEYS[1]  tokens:file:{<id>}:<epoch>, a zset of token ids by end
-- KEYS[2]  tokens:file:{<id>}:<epoch>:newest, a zset of the same ids by creation
-- ARGV[1]  how many at most
-- ARGV[2]  created at of the last one of the page before, milliseconds since the epoch; '+inf' for the first page
-- ARGV[3]  its id
-- Result   ids and creation times in turn
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
repeat
  local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1000)
  if #over > 0 then
    redis.call('ZREM', KEYS[1], unpack(over))
    redis.call('ZREM', KEYS[2], unpack(over))
  end
until #over < 1000
local limit = tonumber(ARGV[1])
local found = {}
local from = '+inf'
if ARGV[2] ~= '+inf' then
  from = '(' .. ARGV[2]
  for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[2], ARGV[2], ARGV[2])) do
    if id < ARGV[3] and #found < 2 * limit then
      found[#found + 1] = id
      found[#found + 1] = ARGV[2]
    end
  end
end
local left = limit - #found / 2
if left > 0 then
  for _, member in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[2], from, '-inf', 'WITHSCORES', 'LIMIT', 0, left)) do
    found[#found + 1] = member
  end
end
return found
