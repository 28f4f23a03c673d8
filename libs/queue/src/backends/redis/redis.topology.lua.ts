import { LINES } from './redis.lines.lua.js';

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
 * Answers the version of the topology and all subscriptions, a name and a JSON record in turn. ARGV: a new version; when it is
 * not empty, ephemeral subscriptions that have expired are removed first.
 */
export const LOAD_TOPOLOGY = `${LINES}${REMOVE}${String.raw`
if ARGV[1] ~= '' then
  local over = call('ZRANGEBYSCORE', p .. ':e', '-inf', now)
  for _, id in ipairs(over) do remove(id) end
  if #over > 0 then call('SET', p .. ':v', ARGV[1]) end
end
return { call('GET', p .. ':v'), call('HGETALL', p .. ':subs') }
`}`;

/**
 * Writes subscriptions when the topology is still the one that the caller has seen. ARGV: version seen or nothing, new version;
 * for each subscription its name, id, JSON record, ms until it expires or nothing, and `line-up` when it gets its order now.
 * Answers 0 when somebody was faster.
 */
export const SAVE_TOPOLOGY = `${LINES}${String.raw`
if (call('GET', p .. ':v') or '') ~= ARGV[1] then return 0 end
call('SET', p .. ':v', ARGV[2])

local function lineUp(s)
  local waiting = {}
  for _, where in ipairs({ ':r', ':d' }) do
    for _, seq in ipairs(call('ZRANGE', s .. where, 0, -1)) do
      local record = call('HGET', s .. ':m', seq)
      local extras = record and string.match(record, '^[^\n]*\n[^\n]*\n(%[[^\n]*)\n')
      local key = extras and cjson.decode(extras)[1]
      if type(key) == 'string' then waiting[#waiting + 1] = { seq = seq, key = key, where = where } end
    end
  end
  table.sort(waiting, function(a, b) return a.seq < b.seq end)
  for _, each in ipairs(waiting) do
    local raw = call('HGET', s .. ':t', each.seq)
    local st = raw and read(raw) or { d = 0, f = 0, r = 0, score = text(PLAIN), exp = 0, due = 0 }
    local due = each.where == ':d' and tonumber(call('ZSCORE', s .. ':d', each.seq)) or 0
    st.key = ' ' .. each.key
    st.due = due
    write(s, each.seq, FREE, st)
    if call('HEXISTS', s .. ':k', each.key) == 1 then
      call('ZREM', s .. each.where, each.seq)
      call('ZADD', s .. ':h', 0, each.key .. '\0' .. each.seq)
    else
      call('HSET', s .. ':k', each.key, each.seq)
    end
  end
end

for i = 3, #ARGV, 5 do
  local name, id, record, expires, order = unpack(ARGV, i, i + 4)
  call('HSET', p .. ':subs', name, record)
  call('HSET', p .. ':i', id, name)
  if expires ~= '' and not call('ZSCORE', p .. ':e', id) then call('ZADD', p .. ':e', later(expires), id) end
  if order ~= '' then lineUp(p .. ':s:' .. id) end
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
