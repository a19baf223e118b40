-- Hold just the given documents, under the given lineage, at a revision above everything that was.
--
-- KEYS  1 revision   string     ARGV  1 lineage
--       2 lineage    string           2 the least revision to be above
--       3 documents  hash             3 actor
--       4 versions   hash             4 reason
--       5 events     stream           5 mark
--       6 restored   string           6 "begin": only where there is no lineage
--                                     7… KIND/NAME, version, text of every document
--
-- Returns the revision; 0 if there is a lineage and there must be none. Followers of the stream see an event of an
-- unknown kind, and load everything again.

if ARGV[6] == "begin" and (redis.call("GET", KEYS[2]) or "") ~= "" then return "0" end

-- No revision can follow on a number above 2^53, which somebody has written by hand: the stream begins anew then.
local function sane(text)
  local number = tonumber(text or "0")
  return number and number >= 0 and number < 2 ^ 53 - 1 and number or nil
end

local revision = math.max(sane(redis.call("GET", KEYS[1])) or 0, sane(ARGV[2]) or 0)
local last = redis.call("XREVRANGE", KEYS[5], "+", "-", "COUNT", 1)[1]
if last then
  local newest = sane(string.match(last[1], "^%d+"))
  if newest then revision = math.max(revision, newest) else redis.call("DEL", KEYS[5]) end
end
revision = string.format("%.0f", revision + 1)

-- First what can fail, for want of memory: a script is not rolled back.
redis.call("XADD", KEYS[5], revision .. "-0", "kind", "restore", "actor", ARGV[3], "reason", ARGV[4], "mark", ARGV[5])
redis.call("DEL", KEYS[3], KEYS[4])
for index = 7, #ARGV, 3 do
  redis.call("HSET", KEYS[4], ARGV[index], ARGV[index + 1])
  redis.call("HSET", KEYS[3], ARGV[index], ARGV[index + 2])
end
redis.call("SET", KEYS[1], revision)
redis.call("SET", KEYS[2], ARGV[1])
redis.call("SET", KEYS[6], revision)
return revision
