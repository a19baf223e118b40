-- Read the instances of a service whose time is not over.
--
-- KEYS  1 instances  hash
--
-- Answers, for each: its name, until when in milliseconds, what it says of itself. It writes nothing, so that a
-- server that takes no writes can be asked.

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer, fields = {}, redis.call("HGETALL", KEYS[1])
for index = 1, #fields, 2 do
    local until_, text = string.match(fields[index + 1], "^(%d+) (.*)$")
    if until_ and tonumber(until_) > now then
        answer[#answer + 1] = { fields[index], until_, text }
    end
end
return answer
