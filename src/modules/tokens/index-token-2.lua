-- Puts a token into the list of its file.
-- KEYS[1]  tokens:file:{<id>}:<epoch>, a zset of token ids by end
-- KEYS[2]  tokens:file:{<id>}:<epoch>:newest, a zset of the same ids by creation
-- ARGV[1]  id of the token
-- ARGV[2]  created at, milliseconds since the epoch
-- ARGV[3]  expires at, likewise
-- Result   1
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
for _, key in ipairs(KEYS) do
  redis.call('PEXPIREAT', key, ARGV[3], 'NX')
  redis.call('PEXPIREAT', key, ARGV[3], 'GT')
end
return 1
