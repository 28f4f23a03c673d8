import { LINES } from './redis.lines.lua.js';

/**
 * Stores a batch: every message in all its subscriptions, or, when the topology is another one than the caller knows, nothing.
 *
 * ARGV: version of the topology, how many copies at most, how many subscriptions; for each its id, and `o` when it has an
 * order by key; for each message that is nothing but a record a route and the record; for any other a `!` with its route,
 * delay in ms, life in ms, priority, key, id for its window, ms of its window, its id, the record. Absent things are empty. A route
 * is the numbers of subscriptions in this call, with commas.
 *
 * Answers -1 for another topology, 1 when all was stored, and otherwise a number per message: 1 stored, 2 stored before.
 */
export const PUBLISH = `${LINES}${String.raw`
if call('GET', p .. ':v') ~= ARGV[1] then return -1 end
local seq = take(tonumber(ARGV[2]))
local targets = {}
local at = 4
for i = 1, tonumber(ARGV[3]) do
  local s = p .. ':s:' .. ARGV[at]
  catchUp(s)
  targets[i] = { id = ARGV[at], s = s, ordered = ARGV[at + 1] == 'o', rows = {}, places = {}, wasIdle = call('ZCARD', s .. ':r') == 0 }
  at = at + 2
end

local routes = {}
local function routeOf(named)
  if routes[named] then return routes[named] end
  local list = {}
  for number in string.gmatch(named, '%d+') do list[#list + 1] = targets[tonumber(number)] end
  routes[named] = list
  return list
end

local function flush(target)
  if #target.rows == 0 then return end
  call('HSET', target.s .. ':m', unpack(target.rows))
  call('ZADD', target.s .. ':r', unpack(target.places))
  target.rows, target.places = {}, {}
  if target.wasIdle then made[target.s] = made[target.s] or 'ready' end
end

local function add(target, record)
  seq = seq + 1
  local rows, places = target.rows, target.places
  local n = #rows
  rows[n + 1] = seq
  rows[n + 2] = record
  places[n + 1] = PLAIN + seq
  places[n + 2] = seq
  if n > 1500 then flush(target) end
end

local function addSpecial(target, record, st, key)
  seq = seq + 1
  local s, number = target.s, text(seq)
  call('HSET', s .. ':m', number, record)
  local own = { d = 0, f = 0, r = 0, score = st.score, exp = st.exp, due = st.due, key = '' }
  if target.ordered and key ~= '' then own.key = ' ' .. key end
  write(s, number, FREE, own)
  if st.exp > 0 then call('ZADD', s .. ':x', st.exp, number) end
  if own.key ~= '' and call('HEXISTS', s .. ':k', key) == 1 then
    return call('ZADD', s .. ':h', 0, key .. '\0' .. number)
  end
  if own.key ~= '' then call('HSET', s .. ':k', key, number) end
  if st.due > now then return schedule(s, number, st.due) end
  local other = made[s]
  line(s, number, place(own, seq))
  if not target.wasIdle then made[s] = other end
end

local function plan(id, target, once, due)
  local copies = p .. ':c:' .. id
  local ends = math.max(call('PTTL', copies), due - now + 1000)
  call('SADD', copies, target.id .. ' ' .. text(seq) .. ' ' .. once)
  call('PEXPIRE', copies, ends)
end

local answers = {}
local isPlain = true
while at <= #ARGV do
  local route = ARGV[at]
  if string.byte(route) ~= 33 then
    local record = now .. ';' .. ARGV[at + 1]
    for _, target in ipairs(routeOf(route)) do add(target, record) end
    answers[#answers + 1] = 1
    at = at + 2
  else
    local delay, ttl, priority, key, once, window, id, body = unpack(ARGV, at + 1, at + 8)
    if once ~= '' and call('EXISTS', p .. ':o:' .. once) == 1 then
      answers[#answers + 1] = 2
      isPlain = false
    else
      local score = text((9 - (tonumber(priority) or 0)) * LEVEL)
      local st = { score = score, exp = ttl == '' and 0 or later(ttl), due = delay == '' and 0 or later(delay) }
      for _, target in ipairs(routeOf(route)) do
        addSpecial(target, now .. ';' .. body, st, key)
        if st.due > 0 then plan(id, target, once, st.due) end
      end
      if once ~= '' then call('SET', p .. ':o:' .. once, '', 'PX', window) end
      answers[#answers + 1] = 1
    end
    at = at + 9
  end
end
for _, target in ipairs(targets) do flush(target) end
wake()
if isPlain then return 1 end
return answers
`}`;
