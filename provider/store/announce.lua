-- Note an instance of a service for a while.
--
-- KEYS  1 instances  hash     ARGV  1 instance    2 what it says of itself    3 milliseconds
--
-- Answers 1, or 0 where it was known with the same text and its time was not over. Nothing is left behind by those that
-- come no more: the next new one clears them away, and the hash expires with the last one.

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call("HGET", KEYS[1], ARGV[1])
local known_until, known = string.match(found or "", "^(%d+) (.*)$")
redis.call("HSET", KEYS[1], ARGV[1], string.format("%.0f %s", now + ARGV[3], ARGV[2]))
if redis.call("PTTL", KEYS[1]) < tonumber(ARGV[3]) then redis.call("PEXPIRE", KEYS[1], ARGV[3]) end
if known == ARGV[2] and tonumber(known_until) > now then return 0 end
local fields = redis.call("HGETALL", KEYS[1])
for index = 1, #fields, 2 do
    if tonumber(string.match(fields[index + 1], "^%d+") or 0) <= now then redis.call("HDEL", KEYS[1], fields[index]) end
end
return 1
