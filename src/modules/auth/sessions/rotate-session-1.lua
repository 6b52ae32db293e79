-- Rotates the refresh token of a session.
-- KEYS[1]  session:{<id>}
-- ARGV[1]  generation of the token that was sent
-- ARGV[2]  milliseconds for which a retry with the token before gets the same answer again
-- Result   the generation that is valid now; -1: no such session; -2: a token that has been rotated already
local generation = tonumber(redis.call('HGET', KEYS[1], 'generation'))
if not generation then
  return -1
end
local sent = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- We have signed what was sent: when it is newer than what is known, Redis has lost rotations (a failover, a copy), and its
-- sender is who got the newest token.
if sent >= generation then
  redis.call('HSET', KEYS[1], 'generation', sent + 1, 'rotatedAt', string.format('%.0f', now))
  return sent + 1
end
local rotatedAt = tonumber(redis.call('HGET', KEYS[1], 'rotatedAt') or '0')
if sent == generation - 1 and now - rotatedAt <= tonumber(ARGV[2]) then
  return generation
end
return -2
