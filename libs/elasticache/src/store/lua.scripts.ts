import { createHash } from 'node:crypto';

/*
 * The scripts of the protocol. What stands in a lease key:
 *
 *   r<token>   a load is under way: wait for it
 *   n<token>   a load is under way whose like was not stored before: do not wait for it
 *   w<token>   a write is under way: load, and store nothing
 *   -          the last load was not stored: do not wait for the next one
 *   b<c><set>  a barrier: the writers of strict mode, each `token=expiry,` by the server's time;
 *              c is 1 once there was more than one of them, or an eviction, since it was empty
 *
 * and in a version key: a token of 16 characters, or, while a strict eviction is under way,
 *
 *   !<set>|<version>@<expiry>   the writers as in a barrier, and the version to be restored when the
 *                               last has left in time, with its own life; empty where there is none
 *
 * Every script takes items of so many keys and so many arguments each, does each item by itself, and
 * answers with a list: one reply an item, which may be an error. All keys of an item hash to one slot.
 * `pcall` keeps one item's error (a value of another type, no memory left) from the others.
 */
export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
  readonly keys: number;
  readonly arguments: number;
}

/** `KEY[n]` and `ARG[n]` in a body are the item's: of the lists of all items, whose tables would have to be cut up. */
function script(name: string, shape: { keys: number; arguments: number }, body: string): Script {
  const each = body
    .trimEnd()
    .replaceAll(/\bKEY\[(\d)\]/g, 'KEYS[k + $1]')
    .replaceAll(/\bARG\[(\d)\]/g, 'ARGV[a + $1]');
  const lua = `${PRELUDE}
local replies = {}
local function each(k, a)
${each}
end
for i = 0, #KEYS / ${shape.keys} - 1 do
  replies[i + 1] = each(i * ${shape.keys}, i * ${shape.arguments})
end
return replies`;
  const sha = createHash('sha1').update(lua).digest('hex');
  return { name, lua, sha, ...shape };
}

/** What of an entry's bytes tells it from another: its times and the version of its cache. */
export const SEEN_BYTES = 35;

const PRELUDE = `
local SEEN = ${SEEN_BYTES}
local function failed(reply) return type(reply) == 'table' and reply.err ~= nil end
-- What is not ours in the place of a lease or a version is removed: it would be in the way for ever.
local function get(key)
  local value = redis.pcall('get', key)
  if not failed(value) then return value end
  if not string.find(value.err, 'WRONGTYPE') then error(value.err) end
  redis.call('unlink', key)
  return false
end
-- What tells an entry from another. A value of another type is in its place by mistake, and goes.
local function glimpse(key)
  local entry = redis.pcall('getrange', key, 0, SEEN - 1)
  if not failed(entry) or not string.find(entry.err, 'WRONGTYPE') then return entry end
  redis.call('unlink', key)
  return ''
end
local function holds(value, token) return value and string.sub(value, 2) == token end
local function barrier(value) return value and string.sub(value, 1, 1) == 'b' end
local function now()
  local time = redis.call('time')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
-- The writers of a set that are not over, without the token; how many, the last expiry, whether the token was among them, whether one was over.
local function others(set, token, time)
  local rest, count, last, mine, over = '', 0, 0, false, false
  for name, expiry in string.gmatch(set, '([^=,]+)=(%d+),') do
    if name == token then mine = tonumber(expiry) > time
    elseif tonumber(expiry) <= time then over = true
    else
      rest = rest .. name .. '=' .. expiry .. ','
      count = count + 1
      last = math.max(last, tonumber(expiry))
    end
  end
  return rest, count, last, mine, over
end
local function drop(lease, value)
  if barrier(value) then
    if string.sub(value, 2, 2) == '0' then
      redis.call('set', lease, 'b1' .. string.sub(value, 3), 'PX', math.max(1, redis.call('pttl', lease)))
    end
  elseif value then redis.call('del', lease) end
end
`;

/** Claims the lease, unless something else stands under the key than was seen, or somebody has it. Answers 0 (won), 1 (changed) or the holder. */
export const CLAIM = script(
  'claim',
  { keys: 2, arguments: 4 },
  `
  local seen, token, life, replaced = ARG[1], ARG[2], ARG[3], ARG[4]
  local entry = glimpse(KEY[1])
  if entry ~= seen then return failed(entry) and entry or 1 end
  local set = redis.pcall('set', KEY[2], 'r' .. token, 'PX', life, 'NX')
  if set then return failed(set) and set or 0 end
  local held = get(KEY[2])
  if holds(held, token) then return 0 end
  if held and redis.call('pttl', KEY[2]) == -1 then held = false end -- it is none of ours, which all end
  if held and held ~= '-' and not (replaced ~= '' and holds(held, replaced)) then return held end
  redis.call('set', KEY[2], (held == '-' and 'n' or 'r') .. token, 'PX', life)
  return 0
`,
);

/** Stores under a lease, and gives it up. Answers 1, or 0 where it is no longer ours. */
export const STORE = script(
  'store',
  { keys: 2, arguments: 3 },
  `
  if not holds(get(KEY[2]), ARG[1]) then return 0 end
  local set = redis.pcall('set', KEY[1], ARG[2], 'PX', ARG[3])
  if failed(set) then return set end
  redis.call('del', KEY[2])
  return 1
`,
);

/** Gives a lease up; a mark says that the next load is not worth waiting for. */
export const RELEASE = script(
  'release',
  { keys: 1, arguments: 2 },
  `
  if not holds(get(KEY[1]), ARG[1]) then return 0 end
  redis.call('del', KEY[1])
  if ARG[2] ~= '' then redis.call('set', KEY[1], '-', 'PX', ARG[2]) end
  return 1
`,
);

/** Prolongs a lease. */
export const RENEW = script(
  'renew',
  { keys: 1, arguments: 2 },
  `
  if not holds(get(KEY[1]), ARG[1]) then return 0 end
  return redis.call('pexpire', KEY[1], ARG[2])
`,
);

/** Takes the lease for a write from whoever has it, never from a barrier. Answers 1, or 0 at a barrier. */
export const TAKE = script(
  'take',
  { keys: 1, arguments: 2 },
  `
  if barrier(get(KEY[1])) then return 0 end
  local set = redis.pcall('set', KEY[1], 'w' .. ARG[1], 'PX', ARG[2])
  if failed(set) then return set end
  return 1
`,
);

/** Ends a write: stores under its lease; where it is no longer ours, or there is nothing to store, entry and lease go. Answers 1, 0, or what kept it from being stored. */
export const FINISH = script(
  'finish',
  { keys: 2, arguments: 3 },
  `
  local held = get(KEY[2])
  local refusal = 0
  if holds(held, ARG[1]) and ARG[2] ~= '' then
    local set = redis.pcall('set', KEY[1], ARG[2], 'PX', ARG[3])
    if not failed(set) then
      redis.call('del', KEY[2])
      return 1
    end
    refusal = set.err
  end
  redis.call('unlink', KEY[1])
  drop(KEY[2], held)
  return refusal
`,
);

/** Stores a value that nothing orders; the loads in flight lose their lease. At a barrier the entry goes instead. */
export const PUT = script(
  'put',
  { keys: 2, arguments: 2 },
  `
  local held = get(KEY[2])
  if barrier(held) then
    redis.call('unlink', KEY[1])
    drop(KEY[2], held)
    return 0
  end
  local set = redis.pcall('set', KEY[1], ARG[1], 'PX', ARG[2])
  if failed(set) then return set end
  drop(KEY[2], held)
  return 1
`,
);

/** As {@link PUT}, where nothing else stands under the key than was seen. Answers 1 stored, 0 at a barrier, 2 changed. */
export const PUT_IF = script(
  'put-if',
  { keys: 2, arguments: 3 },
  `
  local entry = glimpse(KEY[1])
  if failed(entry) then return entry end
  if entry ~= ARG[3] then return 2 end
  local held = get(KEY[2])
  if barrier(held) then return 0 end
  local set = redis.pcall('set', KEY[1], ARG[1], 'PX', ARG[2])
  if failed(set) then return set end
  drop(KEY[2], held)
  return 1
`,
);

/** Removes entry and lease; a barrier stays. Answers how many entries there were. */
export const EVICT = script(
  'evict',
  { keys: 2, arguments: 0 },
  `
  local removed = redis.call('unlink', KEY[1])
  drop(KEY[2], get(KEY[2]))
  return removed
`,
);

/** First phase of a strict write: the entry goes, and the writer joins the barrier. Renewing is joining again. */
export const RAISE = script(
  'raise',
  { keys: 2, arguments: 3 },
  `
  local token, life, renewing = ARG[1], tonumber(ARG[2]), ARG[3] == '1'
  local time, held = now(), get(KEY[2])
  local contended, set = '0', ''
  if barrier(held) then contended, set = string.sub(held, 2, 2), string.sub(held, 3) end
  local rest, count, last, mine = others(set, token, time)
  if count == 0 and not mine then contended = '0' end
  if count > 0 or (renewing and not mine) then contended = '1' end
  redis.call('unlink', KEY[1])
  local expiry = time + life
  local value = 'b' .. contended .. rest .. token .. '=' .. string.format('%.0f', expiry) .. ','
  local stored = redis.pcall('set', KEY[2], value, 'PX', string.format('%.0f', math.max(last, expiry) - time))
  if failed(stored) then return stored end
  return 1
`,
);

/** Second phase: the entry goes, the writer leaves the barrier, and its value is stored where it was alone there. Answers -1 then, what kept it from being stored, or how many entries there were. */
export const LIFT = script(
  'lift',
  { keys: 2, arguments: 3 },
  `
  local held = get(KEY[2])
  local removed = redis.call('unlink', KEY[1])
  if not barrier(held) then
    drop(KEY[2], held)
    return removed
  end
  local time = now()
  local rest, count, last, mine = others(string.sub(held, 3), ARG[1], time)
  if count > 0 then
    redis.call('set', KEY[2], 'b1' .. rest, 'PX', string.format('%.0f', last - time))
    return removed
  end
  redis.call('del', KEY[2])
  if mine and ARG[2] ~= '' and string.sub(held, 2, 2) == '0' then
    local set = redis.pcall('set', KEY[1], ARG[2], 'PX', ARG[3])
    return failed(set) and set.err or -1
  end
  return removed
`,
);

/** The version that stands under the key, made where there is none. */
export const ENSURE = script(
  'ensure',
  { keys: 1, arguments: 2 },
  `
  local held = get(KEY[1])
  if held and (#held == 16 or string.sub(held, 1, 1) == '!') then return held end
  local set = redis.pcall('set', KEY[1], ARG[1], 'PX', ARG[2])
  if failed(set) then return set end
  return ARG[1]
`,
);

/** Lets a version live at least so long; not another one, nor one that is pending. */
export const EXTEND = script(
  'extend',
  { keys: 1, arguments: 2 },
  `
  if get(KEY[1]) ~= ARG[1] then return 0 end
  if redis.call('pttl', KEY[1]) < tonumber(ARG[2]) then redis.call('pexpire', KEY[1], ARG[2]) end
  return 1
`,
);

/** Removes a version; one that is pending stays so, and is not restored. */
export const REMOVE = script(
  'remove',
  { keys: 1, arguments: 0 },
  `
  local held = get(KEY[1])
  if held and string.sub(held, 1, 1) == '!' then
    local set, left = string.match(held, '^!(.*)|') or '', math.max(1, redis.call('pttl', KEY[1]))
    redis.call('unlink', KEY[1]) -- a script that has removed something may write where memory is full
    redis.call('set', KEY[1], '!' .. set .. '|', 'PX', left)
    return 1
  end
  return redis.call('unlink', KEY[1])
`,
);

/** First phase of a strict eviction of many: the version is pending. Renewing is joining again. */
export const SUSPEND = script(
  'suspend',
  { keys: 1, arguments: 4 },
  `
  local token, life, keeping, renewing = ARG[1], tonumber(ARG[2]), ARG[3] == '1', ARG[4] == '1'
  local time, held = now(), get(KEY[1])
  local set, version = '', ''
  if held and string.sub(held, 1, 1) == '!' then set, version = string.match(held, '^!(.*)|(.*)$')
  elseif held and not renewing then
    version = held .. '@' .. string.format('%.0f', time + redis.call('pttl', KEY[1]))
  end
  local rest, _, last, mine, over = others(set, token, time)
  if over or not keeping or (renewing and not mine) then version = '' end
  local expiry = time + life
  local value = '!' .. rest .. token .. '=' .. string.format('%.0f', expiry) .. ',|' .. version
  local stored = redis.pcall('set', KEY[1], value, 'PX', string.format('%.0f', math.max(last, expiry) - time))
  if failed(stored) then return stored end
  return 1
`,
);

/** Second phase: the writer leaves; the last restores the version, if all who were there left in time. */
export const RESUME = script(
  'resume',
  { keys: 1, arguments: 1 },
  `
  local held = get(KEY[1])
  if not held then return 0 end
  if string.sub(held, 1, 1) ~= '!' then return redis.call('unlink', KEY[1]) end
  local set, version = string.match(held, '^!(.*)|(.*)$')
  local time = now()
  local rest, count, last, mine, over = others(set, ARG[1], time)
  if over or not mine then version = '' end
  redis.call('unlink', KEY[1]) -- first: where memory is full a script may write only then
  if count > 0 then
    redis.call('set', KEY[1], '!' .. rest .. '|' .. version, 'PX', string.format('%.0f', last - time))
    return 1
  end
  local restored, expiry = string.match(version, '^(.*)@(%d+)$')
  if restored and tonumber(expiry) > time then
    redis.call('set', KEY[1], restored, 'PX', string.format('%.0f', expiry - time))
  end
  return 1
`,
);
