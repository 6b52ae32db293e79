-- Admits requests for downloads, each all or nothing (RULES 2): when a version differs or anything refuses, nothing of it is changed.
-- What is counted is kept under the tag of its subject, {bNN}; what a file's numbers need rides along.
-- KEYS[1]  only says which node; every key is made from the tag of its request
-- ARGV[1]  JSON list of requests (redis-admission.ts says what each member is)
-- Result   JSON list of verdicts in their order
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local MINUTE = 60000
local DAY = 86400
-- Milliseconds in which a covered claim still admits its client: nginx reports what the kernel took (RULES 4.5).
local AFTERMATH = 60000
-- Milliseconds that every transfer may take, however little it has to send.
local GRACE = 30000
-- Seconds after the last begin for which it is kept who has which slots; a longer transfer has them longer.
local SLOTS_LIFE = 30 * DAY
-- Seconds for which hits wait for those who count them.
local HITS_LIFE = 7 * DAY

local function versionsDiffer(expected)
  if #expected == 0 then return nil end
  local keys = {}
  for place = 1, #expected, 2 do keys[#keys + 1] = expected[place] end
  local current = redis.call('MGET', unpack(keys))
  for place = 1, #keys do
    if current[place] ~= expected[place * 2] then return true end
  end
  return nil
end

-- The rate of a fixed window that begins with its first request.
local function rateOf(rate)
  if not rate then return nil end
  local count = tonumber(redis.call('GET', rate.key) or 0)
  if count < rate.limit then return nil end
  local left = redis.call('PTTL', rate.key)
  -- A key that has lost its time to live locks nobody out for ever.
  if left < 0 then
    redis.call('DEL', rate.key)
    return nil
  end
  return { refused = 'rate', left = left }
end

local function countRate(rate)
  if not rate then return end
  if redis.call('INCR', rate.key) == 1 then redis.call('PEXPIRE', rate.key, MINUTE) end
end

-- The slots of a logical download are where it began, wherever its client comes from now. One that was handed to a store has none yet.
local function slotsOf(keys, asked)
  if keys == '' or not asked then return asked end
  local slots = {}
  for key in string.gmatch(keys, '%S+') do
    local place = #slots + 1
    slots[place] = { key = key, limit = asked[place] and asked[place].limit or 1 }
  end
  return slots
end

local function keysOf(slots)
  local keys = {}
  for place, slot in ipairs(slots) do keys[place] = slot.key end
  return table.concat(keys, ' ')
end

-- A logical download that this request may join.
local function joinable(request, id)
  if not id then return nil end
  local facts = redis.call('HMGET', 'download:' .. request.tag .. ':' .. id, 'state', 'bytes', 'ended', 'open', 'slots')
  if not facts[1] then return nil end
  if request.token then
    -- More than twice the size is no longer one download (RULES 4.5).
    if tonumber(facts[2]) >= 2 * request.size and request.size > 0 then return nil end
    local covered = facts[1] == 'COMPLETED'
    if covered and not (request.above and now - tonumber(facts[3]) < AFTERMATH) then return nil end
  end
  return { id = id, open = tonumber(facts[4]), slots = slotsOf(facts[5], request.slots) }
end

local function find(request)
  if request.whole and not request.token then return nil end
  if request.cookieId then return joinable(request, request.cookieId) end
  -- Without a cookie a token's client is known by its address only when it goes on with what it has begun.
  if request.token and (not request.above or request.token.cookieOnly) then return nil end
  return joinable(request, redis.call('GET', request.addressKey))
end

local function tokenRefuses(token, known)
  local facts = redis.call('HMGET', token.key, 'expiresAt', 'used', 'maxDownloads', 'probes')
  if not facts[1] then return 'token-invalid' end
  if known then return nil end
  if tonumber(facts[1]) <= now then return 'token-invalid' end
  local most = tonumber(facts[3])
  if most and tonumber(facts[2] or 0) >= most then return 'token-exhausted' end
  if token.maxProbes and tonumber(facts[4] or 0) >= token.maxProbes then return 'token-exhausted' end
  return nil
end

local function slotRefuses(slots, id)
  for _, slot in ipairs(slots) do
    local held = id and redis.call('ZSCORE', slot.key, id)
    if not held or tonumber(held) <= now then
      -- Those whose time is over are looked for only when there is no place left.
      if redis.call('ZCARD', slot.key) >= slot.limit then
        redis.call('ZREMRANGEBYSCORE', slot.key, '-inf', now)
        if redis.call('ZCARD', slot.key) >= slot.limit then return true end
      end
    end
  end
  return nil
end

local function openTransfer(request, id, slots, deadline)
  local transfers = 'transfers:' .. request.tag .. ':' .. request.instance
  redis.call('HSET', transfers, request.transfer,
    string.format('%.0f %.0f %s %s', now, deadline, id, request.ranges))
  redis.call('SADD', 'transfers:' .. request.tag .. ':instances', request.instance)
  for _, slot in ipairs(slots) do
    if redis.call('ZADD', slot.key, 'GT', deadline, id) == 1 then
      redis.call('EXPIRE', slot.key, math.max(SLOTS_LIFE, math.ceil((deadline - now) / 1000)))
    end
  end
end

local function newDownload(request)
  redis.call('HSET', 'download:' .. request.tag .. ':' .. request.id,
    'state', request.transfer and 'ACTIVE' or 'DELEGATED', 'file', request.file, 'tenant', request.tenant,
    'subject', request.subject, 'size', request.size, 'begun', now, 'ended', 0, 'bytes', 0, 'ranges', '',
    'open', request.transfer and 1 or 0, 'slots', keysOf(request.slots))
  redis.call('SET', request.addressKey, request.id, 'EX', DAY)
  if request.token then redis.call('HINCRBY', request.token.key, 'used', 1) end
  local hits = 'stats:' .. request.tag .. ':pending'
  if redis.call('HINCRBY', hits, request.file, 1) == 1 then redis.call('EXPIRE', hits, HITS_LIFE) end
end

local function admit(request)
  if versionsDiffer(request.versions) then return { refused = 'stale' } end
  -- A retry by nginx, on another replica: what was committed stands (RULES 2.2).
  if request.transfer then
    local before = redis.call('HGET', 'transfers:' .. request.tag .. ':' .. request.instance, request.transfer)
    if before then return { id = string.match(before, '^%S+ %S+ (%S+)') } end
  end
  local refusal = rateOf(request.rate)
  if refusal then return refusal end

  local known = request.file and find(request)
  if request.token then
    local refused = tokenRefuses(request.token, known)
    if refused then return { refused = refused } end
  end
  if not request.id then
    -- Nothing is opened: HEAD, 304, what was refused before it came here, and probes.
    countRate(request.rate)
    if request.token and request.token.maxProbes then redis.call('HINCRBY', request.token.key, 'probes', 1) end
    return { id = known and known.id }
  end
  if known and request.maxConnections and known.open >= request.maxConnections then
    return { refused = 'connections' }
  end
  local slots = known and known.slots or request.slots
  if slotRefuses(slots, known and known.id) then return { refused = 'slots' } end

  countRate(request.rate)
  local id = known and known.id or request.id
  local record = 'download:' .. request.tag .. ':' .. id
  local life = DAY
  if not known then
    newDownload(request)
  elseif request.transfer then
    redis.call('HINCRBY', record, 'open', 1)
    redis.call('HSET', record, 'slots', keysOf(slots))
    redis.call('ZREM', 'downloads:' .. request.tag .. ':idle', id)
  end
  if request.transfer then
    local deadline = now + GRACE + math.ceil(request.length / request.minRate * 1000)
    openTransfer(request, id, slots, deadline)
    life = DAY + math.ceil((deadline - now) / 1000)
  end
  redis.call('EXPIRE', record, life)
  return { id = id, new = not known }
end

local verdicts = {}
for place, request in ipairs(cjson.decode(ARGV[1])) do verdicts[place] = admit(request) end
return cjson.encode(verdicts)
