-- Takes a lease that nobody holds, or renews one's own.
-- KEYS[1]  the lease, a string: who holds it
-- ARGV[1]  who asks
-- ARGV[2]  its time to live, milliseconds
-- Result   1: held; 0: another holds it
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
