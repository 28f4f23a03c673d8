/**
 * What every script of messages begins with. KEYS[1] is the root of all keys, its hash tag included. `s` is the root of one
 * subscription's keys, and behind it stand:
 *
 * `:m` hash, number to record (see redis.wire.ts); `:t` hash, number to state; `:f` hash, number to failures as JSON;
 * `:r` what is ready, by level of priority and place in line; `:d` what is not yet due, by when it is; `:l` what is in
 * flight, ten characters of the holder's token and the number, by the end of its lease; `:x` what will expire, by when; `:h` what is held, by key and number; `:k` hash, key to
 * the number that has its turn; `:z` the dead, by number; `:a` those of them that hold no key, by when they died;
 * `:b` how many messages its bounds have cost it.
 *
 * A state is `k` when there is a key at its end or `-`, and then, between spaces: deliveries, failures, releases, score in `:r`, expiry,
 * due time, and the key when the message is in the order of its key. A message that was published without anything special
 * has none until its first delivery ends with anything but an acknowledgement: while it is in flight, that it is there is the count
 * of that delivery. All times are ms of this server's clock; what is due or ends is rounded up, the present down,
 * so nothing is early.
 */
export const LINES = String.raw`
local call = redis.call
local p = KEYS[1]
local clock = call('TIME')
local us = clock[1] * 1000000 + clock[2]
local now = math.floor(us / 1000)
local FIRST = 1000000000000
local LEVEL = 100000000000000
local PLAIN = 9 * LEVEL
local STEP = 500
local made = {}

local function later(ms) return math.ceil(us / 1000 + ms) end
local function text(number) return string.format('%d', number) end

local function take(count)
  local last = call('INCRBY', p .. ':n', count)
  if last < FIRST then last = call('INCRBY', p .. ':n', FIRST) end
  return last - count
end

local function read(raw)
  local d, f, r, score, exp, due, key = string.match(raw, '^.(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)(.*)$')
  return { d = d, f = f, r = r, score = score, exp = tonumber(exp), due = tonumber(due), key = key }
end

local function written(st)
  local mark = st.key == '' and '-' or 'k'
  return mark .. st.d .. ' ' .. st.f .. ' ' .. st.r .. ' ' .. st.score .. ' ' .. text(st.exp) .. ' '
    .. text(st.due) .. st.key
end

local function write(s, seq, st) call('HSET', s .. ':t', seq, written(st)) end

local function claimedOnce(seq) return { d = 1, f = 0, r = 0, score = '90' .. seq, exp = 0, due = 0, key = '' } end

local function place(st, number) return text(math.floor(st.score / LEVEL) * LEVEL + number) end
local function isOver(st) return st.exp > 0 and st.exp <= now end

local function forget(s, seq)
  call('HDEL', s .. ':m', seq)
  call('HDEL', s .. ':t', seq)
  call('HDEL', s .. ':f', seq)
  call('ZREM', s .. ':x', seq)
end

local function line(s, seq, score)
  call('ZADD', s .. ':r', score, seq)
  made[s] = made[s] or 'ready'
end

local function schedule(s, seq, due)
  call('ZADD', s .. ':d', due, seq)
  if call('ZRANGE', s .. ':d', 0, 0)[1] == seq then made[s] = 'due' end
end

local function pass(s, key)
  while true do
    local member = call('ZRANGEBYLEX', s .. ':h', '[' .. key .. '\0', '(' .. key .. '\1', 'LIMIT', 0, 1)[1]
    if not member then return call('HDEL', s .. ':k', key) end
    call('ZREM', s .. ':h', member)
    local seq = string.sub(member, -13)
    local raw = call('HGET', s .. ':t', seq)
    local st = raw and read(raw)
    if st and not isOver(st) then
      call('HSET', s .. ':k', key, seq)
      if st.due > now then return schedule(s, seq, st.due) end
      return line(s, seq, place(st, take(1) + 1))
    end
    forget(s, seq)
  end
end

local function drop(s, seq, st)
  forget(s, seq)
  if st and st.key ~= '' then pass(s, string.sub(st.key, 2)) end
end

local function reclaim(s)
  local ended = call('ZRANGEBYSCORE', s .. ':l', '-inf', now, 'WITHSCORES', 'LIMIT', 0, STEP)
  if #ended == 0 then return false end
  local members, seqs, adds = {}, {}, {}
  for i = 1, #ended, 2 do
    local seq = string.sub(ended[i], 11)
    members[#members + 1] = ended[i]
    seqs[#seqs + 1] = seq
    adds[i] = ended[i + 1]
    adds[i + 1] = seq
  end
  local states = call('HMGET', s .. ':t', unpack(seqs))
  for i, seq in ipairs(seqs) do
    if not states[i] then write(s, seq, claimedOnce(seq)) end
  end
  call('ZREM', s .. ':l', unpack(members))
  call('ZADD', s .. ':d', unpack(adds))
  return #seqs == STEP
end

local function promote(s)
  local due = call('ZRANGEBYSCORE', s .. ':d', '-inf', now, 'LIMIT', 0, STEP)
  if #due == 0 then return false end
  call('ZREM', s .. ':d', unpack(due))
  local states = call('HMGET', s .. ':t', unpack(due))
  local base = take(#due)
  for i, seq in ipairs(due) do
    local st = states[i] and read(states[i])
    if not st or isOver(st) then
      drop(s, seq, st)
    else
      if st.exp > 0 then call('ZADD', s .. ':x', st.exp, seq) end
      line(s, seq, place(st, base + i))
    end
  end
  return #due == STEP
end

local function sweep(s)
  local over = call('ZRANGEBYSCORE', s .. ':x', '-inf', now, 'LIMIT', 0, STEP)
  for _, seq in ipairs(over) do
    call('ZREM', s .. ':x', seq)
    local raw = call('HGET', s .. ':t', seq)
    local st = raw and read(raw)
    if call('ZREM', s .. ':r', seq) == 1 or call('ZREM', s .. ':d', seq) == 1 then
      drop(s, seq, st)
    elseif st and st.key ~= '' and call('ZREM', s .. ':h', string.sub(st.key, 2) .. '\0' .. seq) == 1 then
      forget(s, seq)
    end
  end
  return #over == STEP
end

local function catchUp(s)
  local a = reclaim(s)
  local b = promote(s)
  local c = sweep(s)
  return a or b or c
end

local function wake()
  for s, why in pairs(made) do
    if why == 'due' or call('ZCARD', s .. ':r') > 0 then call('PUBLISH', s .. ':w', '') end
  end
end
`;

/** Finds what has been ready for longest, whatever its priority. */
export const OLDEST = String.raw`
local function oldestReady(s)
  local oldest
  for level = 0, 9 do
    local from, to = text(level * LEVEL), '(' .. text((level + 1) * LEVEL)
    local found = call('ZRANGEBYSCORE', s .. ':r', from, to, 'WITHSCORES', 'LIMIT', 0, 1)
    if found[1] then
      local number = found[2] - level * LEVEL
      if not oldest or number < oldest.number then oldest = { seq = found[1], number = number } end
    end
  end
  return oldest
end
`;

/** Puts a message into a subscription that it is new to: at the end of its line, or of that of its key. */
export const ENTER = String.raw`
local function enter(s, number, record, st)
  call('HSET', s .. ':m', number, record)
  write(s, number, st)
  if st.exp > 0 then call('ZADD', s .. ':x', st.exp, number) end
  local key = string.sub(st.key, 2)
  if st.key ~= '' and call('HEXISTS', s .. ':k', key) == 1 then
    return call('ZADD', s .. ':h', 0, key .. '\0' .. number)
  end
  if st.key ~= '' then call('HSET', s .. ':k', key, number) end
  if st.due > now then return schedule(s, number, st.due) end
  line(s, number, place(st, number))
end

local function keyIn(record)
  local extras = string.match(record, '^[^\n]*\n[^\n]*\n(%[[^\n]*)\n')
  local key = extras and cjson.decode(extras)[1]
  return type(key) == 'string' and key or nil
end
`;
