import { ADMISSION } from './redis.admission.lua.js';
import { ENTER, LINES, OLDEST } from './redis.lines.lua.js';

/**
 * Stores a batch: every message in all its subscriptions, or, when the topology is another one than the caller knows, nothing.
 *
 * ARGV: version of the topology, how many copies at most, how many subscriptions; for each its id, `o` when it has an order by
 * key, its bound or nothing, what it does when it is full, and the speed it tells. Then the messages: of one that is nothing but
 * a record a route and the record; of any other `!` and its route, delay in ms, life in ms, priority, key, id for its window,
 * ms of its window, its id, the record; of one that may meet bounds or is retained the same with `#`, and behind it
 * `lane` when it is for one subscription only, the topic that retains it, for how many ms, how many at most, how many would overflow, and for each of these its number, the route it overflows to, and the record
 * there. Absent things are empty. A route is the numbers of subscriptions in this call, with commas.
 *
 * Answers -1 for another topology, 1 when all was stored, and otherwise per message: 1 stored; 2 stored before; 3 and a
 * number, refused by that one; 4, how many copies, the numbers of those who dropped it, displaced another for it, and had it
 * overflow, and the speed or nothing.
 */
export const PUBLISH = `${LINES}${OLDEST}${ENTER}${ADMISSION}${String.raw`
if call('GET', p .. ':v') ~= ARGV[1] then return -1 end
local seq = take(tonumber(ARGV[2]))
local targets = {}
local at = 4
for i = 1, tonumber(ARGV[3]) do
  local s = p .. ':s:' .. ARGV[at]
  catchUp(s)
  local max, kind, perSecond = tonumber(ARGV[at + 2]), ARGV[at + 3], ARGV[at + 4]
  targets[i] = { id = ARGV[at], number = i, s = s, ordered = ARGV[at + 1] == 'o', rows = {}, places = {},
    wasIdle = call('ZCARD', s .. ':r') == 0, max = max, kind = kind, perSecond = perSecond }
  at = at + 5
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
  local number = text(seq)
  rows[n + 1] = number
  rows[n + 2] = record
  places[n + 1] = '90' .. number
  places[n + 2] = number
  if n > 1500 then flush(target) end
end

local function addSpecial(target, record, st, key)
  seq = seq + 1
  local own = { d = 0, f = 0, r = 0, score = st.score, exp = st.exp, due = st.due, key = '' }
  if target.ordered and key ~= '' then own.key = ' ' .. key end
  local before = made[target.s]
  enter(target.s, text(seq), record, own)
  if made[target.s] == 'ready' and not target.wasIdle then made[target.s] = before end
end

local function plan(id, where, once, due)
  local copies = p .. ':c:' .. id
  local ends = math.max(call('PTTL', copies), due - now + 1000)
  call('SADD', copies, where .. ' ' .. text(seq) .. ' ' .. once)
  call('PEXPIRE', copies, ends)
end

local function retain(wish, st)
  seq = seq + 1
  local number, g, forMs, most = text(seq), p .. ':g:' .. wish.topic, tonumber(wish.forMs), tonumber(wish.most)
  call('HSET', g .. ':m', number, text(st.exp) .. ' ' .. text(st.due) .. ' ' .. st.score .. ' ' .. now .. ';' .. wish.record)
  call('ZADD', g .. ':t', now, number)
  if st.due > 0 then plan(wish.id, '@' .. wish.topic, wish.once, st.due) end
  local old = call('ZRANGEBYSCORE', g .. ':t', '-inf', now - forMs, 'LIMIT', 0, STEP)
  local excess = most and call('ZCARD', g .. ':t') - #old - most or 0
  if excess > 0 then old = call('ZRANGE', g .. ':t', 0, math.min(#old + excess, STEP) - 1) end
  if #old == 0 then return end
  call('ZREM', g .. ':t', unpack(old))
  call('HDEL', g .. ':m', unpack(old))
end

local answers = {}
local isPlain = true

local function answer(what)
  answers[#answers + 1] = what
  isPlain = isPlain and what == 1
end

local function give(target, record, st, wish)
  addSpecial(target, now .. ';' .. record, st, wish.key)
  if target.room then target.room = target.room - 1 end
  if st.due > 0 then plan(wish.id, target.id, wish.once, st.due) end
end

local function giveWithin(wish, st, takers)
  local refusing, verdict = admit(takers, wish.isLane, wish.elsewhere)
  if refusing then return { 3, refusing.number } end
  if not verdict then
    for _, target in ipairs(takers) do give(target, wish.record, st, wish) end
    return 1
  end
  local copies = #verdict.overflow
  for _, target in ipairs(verdict.displaced) do displaceOldest(target) end
  for _, target in ipairs(takers) do
    if not verdict.leaving[target] then
      give(target, wish.record, st, wish)
      copies = copies + 1
    end
  end
  for _, each in ipairs(verdict.overflow) do give(each.target, each.record, st, wish) end
  return { 4, copies, numbersOf(verdict.dropped), numbersOf(verdict.displaced), numbersOf(verdict.overflowed),
    verdict.perSecond and tostring(verdict.perSecond) or '' }
end

local function readWish()
  local route = routeOf(ARGV[at])
  local delay, ttl, priority, key, once, window, id, record = unpack(ARGV, at + 1, at + 8)
  local wish = { delay = delay, ttl = ttl, priority = priority, key = key, once = once, window = window, id = id, record = record,
    elsewhere = {} }
  if string.byte(ARGV[at]) == 33 then
    at = at + 9
    return wish, route, false
  end
  wish.isLane = ARGV[at + 9] == 'lane'
  wish.topic, wish.forMs, wish.most = ARGV[at + 10], ARGV[at + 11], ARGV[at + 12]
  local count = tonumber(ARGV[at + 13])
  at = at + 14
  for i = 1, count do
    wish.elsewhere[targets[tonumber(ARGV[at])]] = { takers = routeOf(ARGV[at + 1]), record = ARGV[at + 2] }
    at = at + 3
  end
  return wish, route, true
end

local function storeSpecial()
  local wish, route, hasBounds = readWish()
  if wish.once ~= '' and call('EXISTS', p .. ':o:' .. wish.once) == 1 then return 2 end
  local score = text((9 - (tonumber(wish.priority) or 0)) * LEVEL)
  local st = { score = score, exp = wish.ttl == '' and 0 or later(wish.ttl), due = wish.delay == '' and 0 or later(wish.delay) }
  local result = 1
  if hasBounds then
    result = giveWithin(wish, st, route)
  else
    for _, target in ipairs(route) do give(target, wish.record, st, wish) end
  end
  local isStored = result == 1 or result[1] == 4
  local isRetained = isStored and hasBounds and wish.topic ~= ''
  if isRetained then retain(wish, st) end
  local isKept = isRetained or result == 1 or (isStored and result[2] > 0)
  if wish.once ~= '' and isKept then call('SET', p .. ':o:' .. wish.once, '', 'PX', wish.window) end
  return result
end

local stamp = text(now) .. ';'
while at <= #ARGV do
  local route = ARGV[at]
  local mark = string.byte(route)
  if mark ~= 33 and mark ~= 35 then
    local record = stamp .. ARGV[at + 1]
    for _, target in ipairs(routeOf(route)) do add(target, record) end
    answer(1)
    at = at + 2
  else
    answer(storeSpecial())
  end
end
for _, target in ipairs(targets) do flush(target) end
wake()
if isPlain then return 1 end
return answers
`}`;
