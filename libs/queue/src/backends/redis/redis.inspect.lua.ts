import { LINES, OLDEST } from './redis.lines.lua.js';

/**
 * ARGV: id of a subscription. Answers -1 when there is none; 0 when there is more to catch up with, to be asked again; and
 * otherwise how many are ready, delayed, held, in flight and dead, and when the oldest ready one was published, the present,
 * and what its bounds have cost it.
 */
export const DEPTH = `${LINES}${OLDEST}${String.raw`
local s = p .. ':s:' .. ARGV[1]
if not call('HGET', p .. ':i', ARGV[1]) then return -1 end
if catchUp(s) then
  wake()
  return 0
end
wake()
local oldest = oldestReady(s)
local record = oldest and call('HGET', s .. ':m', oldest.seq)
return {
  call('ZCARD', s .. ':r'), call('ZCARD', s .. ':d'), call('ZCARD', s .. ':h'), call('ZCARD', s .. ':l'), call('ZCARD', s .. ':z'),
  record and string.match(record, '^%d+') or '', text(now),
  call('GET', s .. ':b') or '0',
}
`}`;

/**
 * Looks at messages. ARGV: id of a subscription, state, numbers. Answers, for each that is still in that state, its number, state,
 * record, and failures or nothing. Of what is in flight the numbers have their tokens before them.
 */
export const LOOK = `${LINES}${String.raw`
local s = p .. ':s:' .. ARGV[1]
local state = ARGV[2]
local out = {}
for i = 3, #ARGV do
  local seq = string.sub(ARGV[i], -13)
  local raw = call('HGET', s .. ':t', seq)
  local st = raw and read(raw)
  local member = ARGV[i]
  if state == 'h' then member = string.sub(st and st.key or '', 2) .. '\0' .. seq end
  if state == 'l' and not raw then raw = written(claimedOnce(seq)) end
  local record = call('ZSCORE', s .. ':' .. state, member) and call('HGET', s .. ':m', seq)
  if record then
    out[#out + 1] = seq
    out[#out + 1] = raw or ''
    out[#out + 1] = record
    out[#out + 1] = call('HGET', s .. ':f', seq) or ''
  end
end
return out
`}`;

/**
 * Removes messages. ARGV: id of a subscription, state, numbers. Answers how many were still in that state, and are gone now.
 */
export const REMOVE = `${LINES}${String.raw`
local s = p .. ':s:' .. ARGV[1]
local state = ARGV[2]
local count = 0
call('DEL', p .. ':none')
for i = 3, #ARGV do
  local seq = ARGV[i]
  local raw = call('HGET', s .. ':t', seq)
  local st = raw and read(raw)
  if state == 'h' then
    if st and call('ZREM', s .. ':h', string.sub(st.key, 2) .. '\0' .. seq) == 1 then
      forget(s, seq)
      count = count + 1
    end
  elseif call('ZREM', s .. ':' .. state, seq) == 1 then
    call('ZREM', s .. ':a', seq)
    drop(s, seq, st)
    count = count + 1
  end
end
wake()
return count
`}`;

/** Removes dead letters. ARGV: id of a subscription, died before this moment. Answers how many, at most 500 at a time. */
export const EXPIRE = `${LINES}${String.raw`
local s = p .. ':s:' .. ARGV[1]
local old = call('ZRANGEBYSCORE', s .. ':a', '-inf', '(' .. ARGV[2], 'LIMIT', 0, STEP)
for _, seq in ipairs(old) do
  call('ZREM', s .. ':a', seq)
  call('ZREM', s .. ':z', seq)
  forget(s, seq)
end
return #old
`}`;

/**
 * Puts a dead letter that holds its key back into line, as new. ARGV: id of a subscription, number, its record without the
 * time, which it keeps. Answers 1, or 0 when there is no such dead letter.
 */
export const REVIVE = `${LINES}${String.raw`
local s = p .. ':s:' .. ARGV[1]
local seq = ARGV[2]
local raw = call('HGET', s .. ':t', seq)
local st = raw and read(raw)
if not st or st.key == '' or not call('ZSCORE', s .. ':z', seq) then return 0 end
local record = call('HGET', s .. ':m', seq)
call('ZREM', s .. ':z', seq)
call('HSET', s .. ':m', seq, string.match(record, '^%d+;') .. ARGV[3])
call('HDEL', s .. ':f', seq)
write(s, seq, { d = 0, f = 0, r = 0, score = st.score, exp = 0, due = 0, key = st.key })
line(s, seq, place(st, take(1) + 1))
wake()
return 1
`}`;
