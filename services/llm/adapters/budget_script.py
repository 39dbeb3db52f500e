"""What a process and the budgets in Redis say to each other: one message, one script, one reply.

A message returns what leases do not need, reports what was used and asks for amounts for calls, all at once. Every
message of a process has a number, and Redis keeps the reply to the last one: a message that is sent again because no
reply came is carried out once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.llm.domain.budget import Window
from services.llm.domain.lease import Lease

WARN_PERMILLE = 800
# Replies hold so many numbers for a budget, then one for every request.
REPLY_FIELDS = 6
# Requests that were refused are worth repeating when others hold enough that is idle.
_CODE_BUDGET, _CODE_MONEY, _CODE_WAIT = 4, 2, 1

# KEYS[1] is what this process said last, the others are budgets.
# ARGV: number of the message (0 only looks), starts of four months, then for each budget: seconds of its window (0 is a
# calendar month), window the changes belong to (0 is the present one), limits of tokens and money (-1 is none), changes
# of taken, used and idle, needs and how many times as much to lease; then the number of requests and for each the
# number of budgets, whether it waited in vain for what others hold, and for each budget its place and the amounts.
# Reply, for each budget: window, milliseconds until it turns, what was leased, permille spent if it is to be warned
# about, whether others need what is idle; for each request 0, or the place of the budget that does not hold it.
SCRIPT = """
local time = redis.call('TIME')
local now = tonumber(time[1])
local ms = now * 1000 + math.floor(tonumber(time[2]) / 1000)
local seq = tonumber(ARGV[1])
if seq > 0 then
  local last = redis.call('HMGET', KEYS[1], 's', 'r')
  if last[1] and tonumber(last[1]) >= seq then return cmsgpack.unpack(last[2]) end
end
local budgets, at = {}, 6
for i = 1, #KEYS - 1 do
  local f = {}
  for j = 1, 13 do f[j] = tonumber(ARGV[at + j - 1]) end
  at = at + 13
  local start, ends
  if f[1] > 0 then
    start = now - now % f[1]
    ends = start + f[1]
  else
    for m = 2, 4 do
      if now >= tonumber(ARGV[m]) then start, ends = tonumber(ARGV[m]), tonumber(ARGV[m + 1]) end
    end
    if not start or now >= ends then return redis.error_reply('CLOCK the clocks are months apart') end
  end
  local had = redis.call('HMGET', KEYS[i + 1], 'w', 't', 'm', 'ut', 'um', 'it', 'im', 'n', 'r')
  local window = tonumber(had[1] or '0')
  -- A clock that went back does not open a window anew.
  if window > start then
    start = window
    if f[1] > 0 then ends = start + f[1] end
  end
  local function field(n) return window == start and tonumber(had[n] or '0') or 0 end
  local b = {start = start, left = ends * 1000 - ms, limit = {f[3], f[4]}, need = {f[11], f[12]}, factor = f[13],
    t = {field(2), field(3)}, u = {field(4), field(5)}, i = {field(6), field(7)}, n = field(8), r = field(9),
    keep = f[1] > 0 and 2 * f[1] or 3456000, dirty = f[13] > 0}
  if f[2] == 0 or f[2] == start then
    for k = 1, 2 do
      b.t[k] = b.t[k] + f[4 + k]
      b.u[k] = b.u[k] + f[6 + k]
      b.i[k] = math.max(0, b.i[k] + f[8 + k])
      if b.t[k] < b.u[k] then b.t[k] = b.u[k] end
      if f[4 + k] ~= 0 or f[6 + k] ~= 0 or f[8 + k] ~= 0 then b.dirty = true end
    end
  end
  budgets[i] = b
end
local reply, codes = {}, {}
if seq == 0 then
  for _, b in ipairs(budgets) do
    for _, v in ipairs({b.start, b.left, b.t[1], b.t[2], b.u[1], b.u[2]}) do reply[#reply + 1] = v end
  end
  return reply
end
local asks = tonumber(ARGV[at])
at = at + 1
for a = 1, asks do
  local count, vain, code = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), 0
  at = at + 2
  for p = at, at + 3 * count - 1, 3 do
    local place = tonumber(ARGV[p])
    local b = budgets[place]
    for k = 1, 2 do
      local need, limit = tonumber(ARGV[p + k]), b.limit[k]
      if code == 0 and limit >= 0 and need > 0 and b.t[k] + need > limit then
        code = place * 4 + (k - 1) * 2
        b.dirty = true
        if vain > 0 then
          -- Who was called and gave nothing back is dead.
          b.i[k] = 0
        elseif b.t[k] - b.i[k] + need <= limit then
          code = code + 1
          b.r = ms
        end
      end
    end
  end
  if code == 0 then
    for p = at, at + 3 * count - 1, 3 do
      local b = budgets[tonumber(ARGV[p])]
      b.dirty = true
      for k = 1, 2 do b.t[k] = b.t[k] + tonumber(ARGV[p + k]) end
    end
  end
  codes[a] = code
  at = at + 3 * count
end
local changed = asks > 0
for i, b in ipairs(budgets) do
  local extra, share = {0, 0}, 0
  for k = 1, 2 do
    local need, limit = b.need[k], b.limit[k]
    if limit >= 0 and need > 0 and b.factor > 0 and ms - b.r > 1000 then
      local more = math.min(need * b.factor, math.floor((limit - b.t[k]) / 16), math.floor(limit / 64))
      if more >= need then extra[k] = more end
      b.t[k] = b.t[k] + extra[k]
      b.i[k] = b.i[k] + extra[k]
    end
    if limit > 0 then share = math.max(share, math.floor((b.t[k] - b.i[k]) * 1000 / limit)) end
  end
  if share < __WARN__ or b.n > 0 then share = 0 elseif b.dirty then b.n = 1 else share = 0 end
  for _, v in ipairs({b.start, b.left, extra[1], extra[2], share, ms - b.r <= 200 and 1 or 0}) do
    reply[#reply + 1] = v
  end
  if b.dirty then
    changed = true
    redis.call('HSET', KEYS[i + 1], 'w', b.start, 't', b.t[1], 'm', b.t[2], 'ut', b.u[1], 'um', b.u[2],
      'it', b.i[1], 'im', b.i[2], 'n', b.n, 'r', b.r)
    redis.call('EXPIRE', KEYS[i + 1], b.keep)
  end
end
for _, code in ipairs(codes) do reply[#reply + 1] = code end
if changed then
  redis.call('HSET', KEYS[1], 's', seq, 'r', cmsgpack.pack(reply))
  redis.call('EXPIRE', KEYS[1], 86400)
end
return reply
""".replace("__WARN__", str(WARN_PERMILLE))

_LOOK = 0
_MINUTE_SECONDS, _CALENDAR_MONTH = 60, 0
_NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which budget did not hold a request."""

    place: int
    what: str
    # Whether others hold enough that is idle.
    wait: bool


def month_starts(now: float) -> list[int]:
    """Return the seconds at which the month before, this one and the two after it begin, by UTC."""
    moment = datetime.fromtimestamp(now, UTC)
    months = [moment.year * 12 + moment.month - 1 + shift for shift in (-1, 0, 1, 2)]
    return [int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) for month in months]


def key_of(tenant: str, name: str) -> str:
    """Return a key. All of a tenant's carry the same tag in braces, so that one node of a cluster holds them."""
    return f"llm:budget:{{{tenant or '-'}}}:{name}"


def heading(number: int, now: float) -> list[int]:
    """Return how a message begins."""
    return [number, *month_starts(now)]


def look(leases: Sequence[Lease], now: float) -> list[int]:
    """Return a message that changes nothing."""
    arguments = heading(_LOOK, now)
    for lease in leases:
        arguments += [*_about(lease), *([0] * 9)]
    return arguments


def mention(lease: Lease, give_back: bool, need: tuple[int, int] | None) -> list[int]:
    """Return what a message says of a lease, and take it as told. With a need, another lease is asked for."""
    about = _about(lease)
    used = lease.report()
    returned = lease.hand_over() if give_back else (0, 0)
    idle = lease.idle_since_told()
    more = (*need, lease.factor) if need else (0, 0, 0)
    return [*about, -returned[0], -returned[1], *used, *idle, *more]


def refusal(code: int) -> Refusal:
    """Return what the reply to a refused request means."""
    what = "money" if code & _CODE_MONEY else "tokens"
    return Refusal(code // _CODE_BUDGET - 1, what, bool(code & _CODE_WAIT))


def _about(lease: Lease) -> list[int]:
    budget = lease.budget
    seconds = _MINUTE_SECONDS if budget.window is Window.MINUTE else _CALENDAR_MONTH
    limits = [_NO_LIMIT if one is None else one for one in (budget.tokens, budget.micros)]
    return [seconds, lease.window, *limits]
