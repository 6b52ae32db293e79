-- Counts a request in a fixed window that begins with its first one.
-- KEYS[1]  throttle:{<policy>:<subject>}
-- ARGV[1]  length of the window, milliseconds
-- Result   { requests in this window, this one included; milliseconds until it ends }
local hits = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
-- Also mends a key that has lost its time to live: nobody is locked out for ever.
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return { hits, left }
