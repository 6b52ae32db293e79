-- Gives a subject its new version after a change was committed, unless another change of it is under way by now.
-- KEYS[1]  version:{<subject>}
-- ARGV[1]  what this change had set
-- ARGV[2]  the new version
-- ARGV[3]  its time to live, seconds
-- ARGV[4]  how the version of a subject begins while it is being changed
local now = redis.call('GET', KEYS[1])
if now and now ~= ARGV[1] and string.sub(now, 1, #ARGV[4]) == ARGV[4] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
