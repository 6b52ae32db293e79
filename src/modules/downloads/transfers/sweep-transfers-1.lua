-- What nobody reports (RULES 4.2, 4.3): transfers whose time is over or whose instance is gone, and logical downloads that are idle
-- for too long.
-- KEYS[1]  transfers:{bNN}:instances; the other keys have the same tag
-- ARGV[1]  the tag
-- ARGV[2]  JSON: last heartbeats of instances, milliseconds, by instance
-- ARGV[3]  milliseconds without a heartbeat after which an instance is gone
-- ARGV[4]  milliseconds without an open transfer after which a logical download is over
-- ARGV[5]  at most so many of each at once
-- Result   JSON { lost: [{ instance, transfer, downloadId }], aborted: [id] }; `aborted` are marked here, `lost` are to be ended
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local tag, beats, patience, idle, most = ARGV[1], cjson.decode(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local lost = {}
for _, instance in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local entries = redis.call('HGETALL', 'transfers:' .. tag .. ':' .. instance)
  -- Of those that came by no nginx of ours nothing is heard.
  local silent = instance ~= '-' and (beats[instance] or 0) + patience <= now
  for place = 1, #entries, 2 do
    local begun, deadline, id = string.match(entries[place + 1], '^(%S+) (%S+) (%S+)')
    local over = tonumber(deadline) <= now or (silent and tonumber(begun) + patience <= now)
    if over and #lost < most then
      lost[#lost + 1] = { instance = instance, transfer = entries[place], downloadId = id }
    end
  end
end

local aborted = redis.call('ZRANGEBYSCORE', 'downloads:' .. tag .. ':idle', '-inf', now - idle, 'LIMIT', 0, most)
for _, id in ipairs(aborted) do
  local record = 'download:' .. tag .. ':' .. id
  if redis.call('EXISTS', record) == 1 then redis.call('HSET', record, 'state', 'ABORTED') end
  redis.call('ZREM', 'downloads:' .. tag .. ':idle', id)
end
return cjson.encode({ lost = #lost > 0 and lost or nil, aborted = #aborted > 0 and aborted or nil })
