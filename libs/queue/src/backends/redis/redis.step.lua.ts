import { LINES } from './redis.lines.lua.js';

/**
 * Settles, and then claims, in one call. What it does first makes Redis let the rest go on when its memory is full:
 * acknowledgements are what frees it.
 *
 * ARGV: id of the subscription, how many to claim, their lease in ms, their token, until when an ephemeral one is renewed in
 * ms or nothing, `breaks` or `block-key`, `skip` or `hold`, how many settlements are no acknowledgements; for each of these kind,
 * claim, ms, and failures as JSON; for each acknowledgement its claim. A claim is a token and a number.
 *
 * Answers -1 when there is no such subscription. Otherwise: a `1` per settlement that was done and a `0` per lost one; in
 * how many ms something is due, -1 for nothing, looked up only when nothing was claimed; the numbers of what was claimed with
 * commas, each with deliveries, failures, releases, score and expiry unless it is the first claim of a plain message; and for each the
 * record, and its failures if it has any.
 */
export const STEP = `${LINES}${String.raw`
local s = p .. ':s:' .. ARGV[1]
local token = ARGV[4]
if not call('HGET', p .. ':i', ARGV[1]) then return -1 end
call('DEL', p .. ':none')
if ARGV[5] ~= '' then call('ZADD', p .. ':e', 'XX', later(ARGV[5]), ARGV[1]) end
catchUp(s)

local done = {}

-- Where none has one, all that is in line and in flight is plain.
local function hasStates() return call('EXISTS', s .. ':t') == 1 end

local function acknowledge(first)
  local ends = call('ZMSCORE', s .. ':l', unpack(ARGV, first))
  local held, seqs = {}, {}
  for i, leaseEnd in ipairs(ends) do
    local isHeld = leaseEnd and tonumber(leaseEnd) > now
    done[#done + 1] = isHeld and '1' or '0'
    if isHeld then
      held[#held + 1] = ARGV[first + i - 1]
      seqs[#seqs + 1] = string.sub(ARGV[first + i - 1], 11)
    end
  end
  if #seqs == 0 then return end
  call('ZREM', s .. ':l', unpack(held))
  call('HDEL', s .. ':m', unpack(seqs))
  if not hasStates() then return end
  local states = call('HMGET', s .. ':t', unpack(seqs))
  call('HDEL', s .. ':t', unpack(seqs))
  call('HDEL', s .. ':f', unpack(seqs))
  call('ZREM', s .. ':x', unpack(seqs))
  for _, raw in ipairs(states) do
    if raw and string.byte(raw) == 107 then pass(s, string.sub(read(raw).key, 2)) end
  end
end

local function back(seq, st, ms, isOld)
  write(s, seq, st)
  if isOver(st) then return drop(s, seq, st) end
  if st.exp > 0 then call('ZADD', s .. ':x', st.exp, seq) end
  if ms > 0 then return schedule(s, seq, later(ms)) end
  line(s, seq, isOld and st.score or place(st, take(1) + 1))
end

local function bury(seq, st)
  call('ZREM', s .. ':x', seq)
  call('ZADD', s .. ':z', seq, seq)
  local key = st.key
  if ARGV[7] == 'skip' then st.key = '' end
  if st.key == '' then call('ZADD', s .. ':a', now, seq) end
  st.due = now
  write(s, seq, st)
  if key ~= st.key then pass(s, string.sub(key, 2)) end
end

local function settle(kind, claim, ms, failures)
  local leaseEnd = call('ZSCORE', s .. ':l', claim)
  if not (leaseEnd and tonumber(leaseEnd) > now) then return '0' end
  if kind == 'extend' then
    call('ZADD', s .. ':l', later(ms), claim)
    return '1'
  end
  call('ZREM', s .. ':l', claim)
  local seq = string.sub(claim, 11)
  local raw = call('HGET', s .. ':t', seq)
  local st = raw and read(raw) or claimedOnce(seq)
  if kind == 'release' then
    st.r = st.r + 1
    back(seq, st, ms, true)
    return '1'
  end
  call('HSET', s .. ':f', seq, failures)
  if kind == 'dead' then
    bury(seq, st)
    return '1'
  end
  st.f = st.f + 1
  local key = st.key
  if ARGV[6] == 'breaks' then st.key = '' end
  back(seq, st, ms, false)
  if key ~= st.key then pass(s, string.sub(key, 2)) end
  return '1'
end

local others = tonumber(ARGV[8])
local firstAck = 9 + 4 * others
for i = 9, firstAck - 1, 4 do
  done[#done + 1] = settle(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3])
end
if #ARGV >= firstAck then acknowledge(firstAck) end

local out = { table.concat(done), -1, '' }
local left = tonumber(ARGV[2])
local leaseEnd = text(later(ARGV[3]))
local bytes = 0
local size = 32
local names = {}

local function claimed(st, score)
  st.d, st.score = text(st.d + 1), score
  st.due = 0
  return written(st), ' ' .. st.d .. ' ' .. st.f .. ' ' .. st.r .. ' ' .. score .. ' ' .. text(st.exp)
end

local function claim(popped)
  local seqs = {}
  for i = 1, #popped, 2 do seqs[#seqs + 1] = popped[i] end
  local records = call('HMGET', s .. ':m', unpack(seqs))
  local states = call('HMGET', s .. ':t', unpack(seqs))
  local ends, changed = {}, {}
  for i, seq in ipairs(seqs) do
    local record, raw = records[i], states[i]
    local st = raw and read(raw)
    if st and isOver(st) then
      drop(s, seq, st)
    elseif record then
      local told = ''
      if st then
        changed[#changed + 1] = seq
        changed[#changed + 1], told = claimed(st, popped[2 * i])
      end
      ends[#ends + 1] = leaseEnd
      ends[#ends + 1] = token .. seq
      names[#names + 1] = seq .. told
      out[#out + 1] = record
      if st and st.f ~= '0' then out[#out + 1] = call('HGET', s .. ':f', seq) end
      bytes = bytes + #record
      left = left - 1
    end
  end
  if #ends == 0 then return end
  call('ZADD', s .. ':l', unpack(ends))
  if #changed > 0 then call('HSET', s .. ':t', unpack(changed)) end
end

while left > 0 and bytes < 8000000 do
  local popped = call('ZPOPMIN', s .. ':r', math.min(left, size))
  if #popped == 0 then break end
  claim(popped)
  size = math.min(2 * size, 512)
end
out[3] = table.concat(names, ',')

if #out == 3 then
  local first = call('ZRANGE', s .. ':d', 0, 0, 'WITHSCORES')[2]
  local ending = call('ZRANGE', s .. ':l', 0, 0, 'WITHSCORES')[2]
  local due = math.min(tonumber(first or 'inf'), tonumber(ending or 'inf'))
  if due < math.huge then out[2] = math.max(0, due - now) end
end
wake()
return out
`}`;
