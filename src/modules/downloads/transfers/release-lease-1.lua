-- Gives a lease up, unless another holds it by now.
-- KEYS[1]  the lease, a string: who holds it
-- ARGV[1]  who asks
-- Result   1: given up; 0: it was not held
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
