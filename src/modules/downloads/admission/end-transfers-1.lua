-- Ends transfers, each once: adds what they delivered to their logical downloads, and frees the slots of those that have none left.
-- KEYS[1]  only says which node; every key is made from the tags
-- ARGV[1]  JSON list of { tags, instance, transfer, bytes, completed }: `tags` are those under which it may have been opened; without
--          `bytes` it is not known what was delivered, and nothing is said of it
-- ARGV[2]  most ranges that are kept of a logical download
-- Result   JSON list of the logical downloads that were covered by this: { id, tag }
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY = 86400
local most = tonumber(ARGV[2])

local function parse(text)
  local ranges = {}
  for first, last in string.gmatch(text, '(%d+)%-(%d+)') do
    ranges[#ranges + 1] = { tonumber(first), tonumber(last) }
  end
  return ranges
end

local function merge(ranges)
  table.sort(ranges, function(a, b) return a[1] < b[1] end)
  local merged = {}
  for _, range in ipairs(ranges) do
    local last = merged[#merged]
    if last and range[1] <= last[2] + 1 then
      last[2] = math.max(last[2], range[2])
    else
      merged[#merged + 1] = range
    end
  end
  return merged
end

local function format(ranges)
  local texts = {}
  for place, range in ipairs(ranges) do texts[place] = string.format('%.0f-%.0f', range[1], range[2]) end
  return table.concat(texts, ',')
end

local function lengthOf(ranges)
  local length = 0
  for _, range in ipairs(ranges) do length = length + range[2] - range[1] + 1 end
  return length
end

-- Of the ranges that were asked for, those that went out. How far several got that were cut short nobody knows. nginx calls an answer
-- complete that whoever it asked broke off: it is when it has all bytes.
local function delivered(asked, bytes, completed)
  if completed and bytes >= lengthOf(asked) then return asked end
  if #asked ~= 1 or bytes == 0 then return {} end
  return { { asked[1][1], math.min(asked[1][2], asked[1][1] + bytes - 1) } }
end

local function endTransfer(item, tag)
  local transfers = 'transfers:' .. tag .. ':' .. item.instance
  local entry = redis.call('HGET', transfers, item.transfer)
  if not entry then return nil end
  redis.call('HDEL', transfers, item.transfer)
  if redis.call('EXISTS', transfers) == 0 then
    redis.call('SREM', 'transfers:' .. tag .. ':instances', item.instance)
  end
  local id, asked = string.match(entry, '^%S+ %S+ (%S+) (%S*)')
  local record = 'download:' .. tag .. ':' .. id
  local facts = redis.call('HMGET', record, 'state', 'ranges', 'size', 'slots')
  -- Gone with a FLUSHALL, or after a day.
  if not facts[1] then return nil end
  local open = redis.call('HINCRBY', record, 'open', -1)
  redis.call('HSET', record, 'ended', now)
  redis.call('EXPIRE', record, DAY)
  local covered = nil
  if item.bytes then
    redis.call('HINCRBY', record, 'bytes', string.format('%.0f', item.bytes))
    local size = tonumber(facts[3])
    local ranges = parse(facts[2])
    for _, range in ipairs(delivered(parse(asked), item.bytes, item.completed)) do ranges[#ranges + 1] = range end
    ranges = merge(ranges)
    if #ranges <= most then redis.call('HSET', record, 'ranges', format(ranges)) end
    local whole = #ranges == 1 and ranges[1][1] == 0 and ranges[1][2] >= size - 1
    if facts[1] ~= 'COMPLETED' and (whole or (size == 0 and item.completed)) then
      redis.call('HSET', record, 'state', 'COMPLETED')
      covered = { id = id, tag = tag }
    end
  end
  if open <= 0 then
    for slot in string.gmatch(facts[4], '%S+') do redis.call('ZREM', slot, id) end
    if redis.call('HGET', record, 'state') == 'ACTIVE' then
      redis.call('ZADD', 'downloads:' .. tag .. ':idle', now, id)
    end
  end
  return covered
end

local all = {}
for _, item in ipairs(cjson.decode(ARGV[1])) do
  for _, tag in ipairs(item.tags) do
    local covered = endTransfer(item, tag)
    if covered then all[#all + 1] = covered end
  end
end
return #all == 0 and '[]' or cjson.encode(all)
