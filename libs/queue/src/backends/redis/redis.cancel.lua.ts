import { LINES } from './redis.lines.lua.js';

/**
 * Takes back what was published with a delay and is not yet due. ARGV: id of the message. Answers how many copies are gone. Of
 * every delayed publish the set `:c:<id>` has its copies, each with the subscription, or `@` and a topic that retains it, the number, and the id in its window of
 * deduplication, until it is due.
 */
export const CANCEL = `${LINES}${String.raw`
local count = 0

local function isPlanned(s, seq)
  local raw = call('HGET', s .. ':t', seq)
  local st = raw and read(raw)
  return st and st.d == '0' and st.due > now and st
end

local function takeBack(s, seq, st)
  if st.key ~= '' and call('ZREM', s .. ':h', string.sub(st.key, 2) .. '\0' .. seq) == 1 then
    forget(s, seq)
  elseif call('ZREM', s .. ':d', seq) == 1 then
    drop(s, seq, st)
  else
    return false
  end
  count = count + 1
  return true
end

local function unretain(topic, seq)
  local g = p .. ':g:' .. topic
  local entry = call('HGET', g .. ':m', seq)
  if not entry or tonumber(string.match(entry, '^%d+ (%d+)')) <= now then return false end
  call('HDEL', g .. ':m', seq)
  return call('ZREM', g .. ':t', seq) == 1
end

for _, copy in ipairs(call('SMEMBERS', p .. ':c:' .. ARGV[1])) do
  local where, seq, once = string.match(copy, '^(%S+) (%d+) (.*)$')
  local isGone
  if string.sub(where, 1, 1) == '@' then
    isGone = unretain(string.sub(where, 2), seq)
  else
    local s = p .. ':s:' .. where
    local st = isPlanned(s, seq)
    isGone = st and takeBack(s, seq, st)
  end
  if isGone and once ~= '' then call('DEL', p .. ':o:' .. once) end
end
call('DEL', p .. ':c:' .. ARGV[1])
wake()
return count
`}`;
