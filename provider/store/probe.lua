-- Run every command that the store needs, so that what this user may not run is known before it is needed.
--
-- KEYS  1 probe   a key that is deleted again, or expires within a second
--
-- Answers {command, error, command, error, ...} of those that fail.

local key, failed = KEYS[1], {}

local function try(...)
  local answer = redis.pcall(...)
  -- What an earlier command left behind when it could not be removed is no refusal.
  if type(answer) == "table" and answer.err and not string.find(answer.err, "WRONGTYPE") then
    table.insert(failed, (...))
    table.insert(failed, answer.err)
  end
end

try("SET", key, "0", "PX", "1000")
try("GET", key)
try("MGET", key)
try("INCRBY", key, "1")
try("EXPIRE", key, "1")
try("PEXPIRE", key, "1000")
try("PTTL", key)
try("GETDEL", key)
try("DEL", key)
try("HSET", key, "field", "value")
try("HGET", key, "field")
try("HMGET", key, "field")
try("HGETALL", key)
try("HDEL", key, "field")
try("ZADD", key, "1", "1")
try("ZCARD", key)
try("ZRANGE", key, "0", "-1")
try("ZREVRANGE", key, "0", "-1")
try("ZREVRANGEBYSCORE", key, "+inf", "-inf")
try("ZREM", key, "2")
try("ZREMRANGEBYRANK", key, "0", "-1")
try("RPUSH", key, "1")
try("LLEN", key)
try("LINDEX", key, "0")
try("LPOP", key)
try("XADD", key, "1-0", "field", "value")
try("XRANGE", key, "1-0", "1-0")
try("XREVRANGE", key, "+", "-", "COUNT", "1")
try("XDEL", key, "2-0")
try("XREAD", "STREAMS", key, "1-0")
try("TIME")
redis.pcall("DEL", key)
return failed
