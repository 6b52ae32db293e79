-- Ends a logical download: nobody joins it any more. What is delivered of it after all still counts, and may complete it.
-- KEYS[1]  its record
-- KEYS[2]  the idle downloads of its tag
-- ARGV[1]  its id
-- Result   how many transfers of it are open; -1: there is no such download, or no longer
local facts = redis.call('HMGET', KEYS[1], 'state', 'open')
if not facts[1] then return -1 end
redis.call('HSET', KEYS[1], 'over', 1)
if facts[1] ~= 'COMPLETED' then redis.call('HSET', KEYS[1], 'state', 'ENDED') end
redis.call('ZREM', KEYS[2], ARGV[1])
return tonumber(facts[2])
