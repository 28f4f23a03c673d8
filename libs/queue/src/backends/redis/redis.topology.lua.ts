import { ENTER, LINES } from './redis.lines.lua.js';

/** How the keys of a prefix are laid out. Another number, or none, where something is: they are those of another version. */
export const LAYOUT = '2';

/** Takes a subscription away with everything in it. */
const REMOVE = String.raw`
local function remove(id)
  local name = call('HGET', p .. ':i', id)
  call('ZREM', p .. ':e', id)
  call('HDEL', p .. ':i', id)
  if name then call('HDEL', p .. ':subs', name) end
  for kind in string.gmatch('mtfrdlxhkzab', '.') do call('UNLINK', p .. ':s:' .. id .. ':' .. kind) end
end
`;

/**
 * Answers the version of the topology, all subscriptions, and all topics that retain, a name and a JSON record in turn. ARGV: a new version; when it is
 * not empty, ephemeral subscriptions that have expired are removed first.
 */
export const LOAD_TOPOLOGY = `${LINES}${REMOVE}${String.raw`
if ARGV[1] ~= '' then
  local over = call('ZRANGEBYSCORE', p .. ':e', '-inf', now)
  for _, id in ipairs(over) do remove(id) end
  if #over > 0 then call('SET', p .. ':v', ARGV[1]) end
end
return { call('GET', p .. ':v'), call('HGETALL', p .. ':subs'), call('HGETALL', p .. ':topics') }
`}`;

/**
 * Writes topics and subscriptions when the topology is still the one that the caller has seen. ARGV: version seen or nothing, new
 * version, how many topics; for each its name and JSON record, or nothing when it retains no more; for each subscription its name,
 * id, JSON record, ms until it expires or nothing, `line-up` when it gets its order now, `o` when it has one, and how many topics it
 * starts with the earliest of; for each of these the name and for how many ms it retains.
 * Answers 0 when somebody was faster.
 */
export const SAVE_TOPOLOGY = `${LINES}${ENTER}${String.raw`
if (call('GET', p .. ':v') or '') ~= ARGV[1] then return 0 end
call('SET', p .. ':v', ARGV[2])
call('SET', p .. ':layout', '${LAYOUT}')

local function lineUp(s)
  local waiting = {}
  for _, where in ipairs({ ':r', ':d' }) do
    for _, seq in ipairs(call('ZRANGE', s .. where, 0, -1)) do
      local record = call('HGET', s .. ':m', seq)
      local key = record and keyIn(record)
      if key then waiting[#waiting + 1] = { seq = seq, key = key, where = where } end
    end
  end
  table.sort(waiting, function(a, b) return a.seq < b.seq end)
  for _, each in ipairs(waiting) do
    local raw = call('HGET', s .. ':t', each.seq)
    local st = raw and read(raw) or { d = 0, f = 0, r = 0, score = text(PLAIN), exp = 0, due = 0 }
    local due = each.where == ':d' and tonumber(call('ZSCORE', s .. ':d', each.seq)) or 0
    st.key = ' ' .. each.key
    st.due = due
    write(s, each.seq, st)
    if call('HEXISTS', s .. ':k', each.key) == 1 then
      call('ZREM', s .. each.where, each.seq)
      call('ZADD', s .. ':h', 0, each.key .. '\0' .. each.seq)
    else
      call('HSET', s .. ':k', each.key, each.seq)
    end
  end
end

local function retained(topic, forMs, found)
  local g = p .. ':g:' .. topic
  for _, seq in ipairs(call('ZRANGEBYSCORE', g .. ':t', '(' .. text(now - forMs), '+inf')) do
    local entry = call('HGET', g .. ':m', seq)
    local exp, due, score, record = string.match(entry, '^(%d+) (%d+) (%d+) (.*)$')
    local st = { d = 0, f = 0, r = 0, score = score, exp = tonumber(exp), due = tonumber(due), key = '' }
    if not isOver(st) then
      local since = math.max(st.due, tonumber(string.match(record, '^%d+')))
      found[#found + 1] = { seq = seq, since = since, record = record, st = st }
    end
  end
end

local function startEarliest(s, ordered, found)
  table.sort(found, function(a, b) return a.since < b.since or (a.since == b.since and a.seq < b.seq) end)
  local number = take(#found)
  for i, each in ipairs(found) do
    local key = ordered and keyIn(each.record)
    if key then each.st.key = ' ' .. key end
    enter(s, text(number + i), each.record, each.st)
  end
end

local at = 4
for i = 1, tonumber(ARGV[3]) do
  local topic, record = ARGV[at], ARGV[at + 1]
  if record ~= '' then
    call('HSET', p .. ':topics', topic, record)
  else
    call('HDEL', p .. ':topics', topic)
    call('UNLINK', p .. ':g:' .. topic .. ':m', p .. ':g:' .. topic .. ':t')
  end
  at = at + 2
end
while at <= #ARGV do
  local name, id, record, expires, order, ordered, count = unpack(ARGV, at, at + 6)
  local s = p .. ':s:' .. id
  call('HSET', p .. ':subs', name, record)
  call('HSET', p .. ':i', id, name)
  if expires ~= '' and not call('ZSCORE', p .. ':e', id) then call('ZADD', p .. ':e', later(expires), id) end
  if order ~= '' then lineUp(s) end
  at = at + 7
  local found = {}
  for i = 1, tonumber(count) do
    retained(ARGV[at], tonumber(ARGV[at + 1]), found)
    at = at + 2
  end
  if #found > 0 then startEarliest(s, ordered == 'o', found) end
end
wake()
return 1
`}`;

/** ARGV: id of a subscription, a new version. */
export const REMOVE_SUBSCRIPTION = `${LINES}${REMOVE}${String.raw`
remove(ARGV[1])
call('SET', p .. ':v', ARGV[2])
return 1
`}`;
