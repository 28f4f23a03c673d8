import { LINES } from './redis.lines.lua.js';

/**
 * Takes back what was published with a delay and is not yet due. ARGV: id of the message. Answers how many copies are gone. Of
 * every delayed publish the set `:c:<id>` has its copies, each with the subscription, the number, and the id in its window of
 * deduplication, until it is due.
 */
export const CANCEL = `${LINES}${String.raw`
local count = 0
for _, copy in ipairs(call('SMEMBERS', p .. ':c:' .. ARGV[1])) do
  local id, seq, once = string.match(copy, '^(%S+) (%d+) (.*)$')
  local s = p .. ':s:' .. id
  local raw = call('HGET', s .. ':t', seq)
  local st = raw and read(raw)
  if st and st.d == '0' and st.due > now then
    local isHeld = st.key ~= '' and call('ZREM', s .. ':h', string.sub(st.key, 2) .. '\0' .. seq) == 1
    if isHeld then forget(s, seq) end
    local isDelayed = not isHeld and call('ZREM', s .. ':d', seq) == 1
    if isDelayed then drop(s, seq, st) end
    if isHeld or isDelayed then count = count + 1 end
  end
  if count > 0 and once ~= '' then call('DEL', p .. ':o:' .. once) end
end
call('DEL', p .. ':c:' .. ARGV[1])
wake()
return count
`}`;
