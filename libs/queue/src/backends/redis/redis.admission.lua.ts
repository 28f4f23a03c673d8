/**
 * Holds one message against the bounds of those who would get it, as backend/admission.ts does: all or nothing where a full one
 * rejects or blocks, copy by copy otherwise. A target is a subscription with bounds when it has `max`; `kind` says what it does
 * when it is full. Belongs behind LINES and OLDEST.
 */
export const ADMISSION = String.raw`
local function roomIn(target)
  if not target.max then return math.huge end
  if not target.room then
    local s = target.s
    for tries = 1, 20 do
      if not catchUp(s) then break end
    end
    local held = call('ZCARD', s .. ':r') + call('ZCARD', s .. ':d') + call('ZCARD', s .. ':h') + call('ZCARD', s .. ':l')
    target.room = target.max - held
  end
  return target.room
end

local function displaceOldest(target)
  local oldest = oldestReady(target.s)
  local raw = call('HGET', target.s .. ':t', oldest.seq)
  call('ZREM', target.s .. ':r', oldest.seq)
  drop(target.s, oldest.seq, raw and read(raw))
  target.room = target.room + 1
end

local function isIn(list, target)
  for _, other in ipairs(list) do
    if other == target then return true end
  end
  return false
end

local Fate = {}

function Fate.throttle(target, verdict)
  verdict.perSecond = math.min(verdict.perSecond or math.huge, tonumber(target.perSecond))
end

Fate['drop-newest'] = function(target, verdict)
  verdict.leaving[target] = true
  verdict.dropped[#verdict.dropped + 1] = target
end

Fate['drop-oldest'] = function(target, verdict)
  if not oldestReady(target.s) then return Fate['drop-newest'](target, verdict) end
  verdict.displaced[#verdict.displaced + 1] = target
end

function Fate.overflow(target, verdict, takers, elsewhere)
  local place = elsewhere[target]
  if #place.takers == 0 then return target end
  for _, other in ipairs(place.takers) do
    local isServed = isIn(takers, other)
    for _, known in ipairs(verdict.overflow) do isServed = isServed or known.target == other end
    if not isServed then
      if roomIn(other) <= 0 then return other end
      verdict.overflow[#verdict.overflow + 1] = { target = other, record = place.record }
    end
  end
  verdict.leaving[target] = true
  verdict.overflowed[#verdict.overflowed + 1] = target
end

-- Answers who refuses, if anybody does, and otherwise what becomes of the copies; a verdict without any bound met is nil.
local function admit(takers, isLane, elsewhere)
  local full = {}
  for _, target in ipairs(takers) do
    if roomIn(target) <= 0 then full[#full + 1] = target end
  end
  if #full == 0 then return nil, nil end
  for _, target in ipairs(full) do
    if isLane or target.kind == 'reject' or target.kind == 'block' then return target, nil end
  end
  local verdict = { leaving = {}, dropped = {}, displaced = {}, overflowed = {}, overflow = {} }
  for _, target in ipairs(full) do
    local refusing = Fate[target.kind](target, verdict, takers, elsewhere)
    if refusing then return refusing, nil end
  end
  return nil, verdict
end

local function numbersOf(list)
  local numbers = {}
  for i, target in ipairs(list) do
    numbers[i] = target.number
    call('INCR', target.s .. ':b')
  end
  return numbers
end
`;
