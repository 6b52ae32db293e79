-- Notes that a session is used; never brings back one that is gone.
-- KEYS[1]  session:{<id>}
-- ARGV[1]  address of the client
-- ARGV[2]  now, RFC 3339
-- Result   the session's fields as a flat list; empty when there is none
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
redis.call('HSET', KEYS[1], 'lastSeenAt', ARGV[2], 'lastSeenIp', ARGV[1])
return redis.call('HGETALL', KEYS[1])
