-- Writes down how far a log has been read, if the reader still holds the lease: one that was frozen meanwhile must not set its
-- successor back.
-- KEYS[1]  the lease, a string: who holds it
-- KEYS[2]  the position, a string
-- ARGV[1]  who asks
-- ARGV[2]  the position
-- ARGV[3]  its time to live, seconds
-- Result   1: written; 0: the lease is another's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
