-- Forget an instance of a service.
--
-- KEYS  1 instances  hash     ARGV  1 instance
--
-- Answers 1, or 0 where there was none, or its time was over.

local time = redis.call("TIME")
local found = redis.call("HGET", KEYS[1], ARGV[1])
redis.call("HDEL", KEYS[1], ARGV[1])
local known_until = string.match(found or "", "^(%d+) ")
if known_until and tonumber(known_until) > time[1] * 1000 + math.floor(time[2] / 1000) then return 1 end
return 0
