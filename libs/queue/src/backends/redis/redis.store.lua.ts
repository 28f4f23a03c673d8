/**
 * What the scripts of the store begin with. Behind the root stand `:kv`, a hash of keys to version, expiry (0: never) and value
 * with spaces between; `:kl`, the keys by name; `:kx`, those that expire, by when; `:kn`, the last version, which starts with
 * the time, so that it does not begin again when everything was deleted.
 */
const HEAD = String.raw`
local call = redis.call
local p = KEYS[1]
local clock = call('TIME')
local us = clock[1] * 1000000 + clock[2]
local now = math.floor(us / 1000)

local function alive(raw)
  if not raw then return false end
  local exp = tonumber(string.match(raw, '^%d+ (%d+)'))
  return (exp == 0 or exp > now) and raw
end

local function remove(key)
  call('HDEL', p .. ':kv', key)
  call('ZREM', p .. ':kl', key)
  call('ZREM', p .. ':kx', key)
end
`;

/** ARGV: keys. Answers an entry or nil for each. */
export const READ_STORE = `${HEAD}${String.raw`
local found = call('HMGET', p .. ':kv', unpack(ARGV))
for i, raw in ipairs(ARGV) do found[i] = alive(found[i]) end
return found
`}`;

/**
 * ARGV: for each operation `put` or `delete`, key, condition (nothing, `absent` or a version), ms to live or nothing, value. All or
 * nothing. Answers 1 and a version for each, 0 for a delete; or 0 and, for each condition that does not hold, the place of the
 * operation and the entry or nil. Removes up to 16 expired entries: more than it adds.
 */
export const WRITE_STORE = `${HEAD}${String.raw`
local conflicts = { 0 }
local puts = 0
for i = 1, #ARGV, 5 do
  local condition = ARGV[i + 2]
  if condition ~= '' then
    local raw = alive(call('HGET', p .. ':kv', ARGV[i + 1]))
    local version = raw and string.match(raw, '^%d+')
    local holds = version == condition
    if condition == 'absent' then holds = not raw end
    if not holds then
      conflicts[#conflicts + 1] = (i - 1) / 5
      conflicts[#conflicts + 1] = raw
    end
  end
  if ARGV[i] == 'put' then puts = puts + 1 end
end
if #conflicts > 1 then return conflicts end

local version = 0
if puts > 0 then
  version = call('INCRBY', p .. ':kn', puts)
  if version < now / 2 then version = call('INCRBY', p .. ':kn', now) end
  version = version - puts
end
for _, key in ipairs(call('ZRANGEBYSCORE', p .. ':kx', '-inf', now, 'LIMIT', 0, 16)) do remove(key) end
local answer = { 1 }
for i = 1, #ARGV, 5 do
  local key, ttl = ARGV[i + 1], ARGV[i + 3]
  if ARGV[i] == 'put' then
    version = version + 1
    local exp = ttl == '' and 0 or math.ceil(us / 1000 + ttl)
    local head = string.format('%.0f %.0f ', version, exp)
    call('HSET', p .. ':kv', key, head .. ARGV[i + 4])
    call('ZADD', p .. ':kl', 0, key)
    if exp > 0 then call('ZADD', p .. ':kx', exp, key) else call('ZREM', p .. ':kx', key) end
    answer[#answer + 1] = version
  else
    remove(key)
    answer[#answer + 1] = 0
  end
end
return answer
`}`;

/** ARGV: prefix, key of the last entry seen or nothing, limit. Answers keys and entries in turn. */
export const SCAN_STORE = `${HEAD}${String.raw`
local out = {}
local from = '[' .. ARGV[1]
if ARGV[2] ~= '' and ARGV[2] >= ARGV[1] then from = '(' .. ARGV[2] end
local limit = 2 * tonumber(ARGV[3])
while #out < limit do
  local keys = call('ZRANGEBYLEX', p .. ':kl', from, '(' .. ARGV[1] .. '\255', 'LIMIT', 0, (limit - #out) / 2)
  if #keys == 0 then break end
  local found = call('HMGET', p .. ':kv', unpack(keys))
  for i, key in ipairs(keys) do
    local raw = alive(found[i])
    if raw then
      out[#out + 1] = key
      out[#out + 1] = raw
    else
      remove(key)
    end
    from = '(' .. key
  end
end
return out
`}`;
