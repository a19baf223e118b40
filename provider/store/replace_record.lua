-- Compare and set one record, or one webhook's position.
--
-- KEYS  1 records or notified  hash     ARGV  1 field    2 "yes" or "no": is one expected    3 which
--                                                        4 "yes" or "no": is there one then   5 which
--
-- Answers 1, or 0 where another one is there.

local found = redis.call("HGET", KEYS[1], ARGV[1])
if (ARGV[2] == "yes") ~= (found ~= false) then return 0 end
if found and found ~= ARGV[3] then return 0 end
if ARGV[4] == "yes" then redis.call("HSET", KEYS[1], ARGV[1], ARGV[5]) else redis.call("HDEL", KEYS[1], ARGV[1]) end
return 1
