-- Compare and set one document; raise the revision; append the event.
--
-- KEYS  1 revision   string     ARGV  1 KIND/NAME             8 reason
--       2 lineage    string           2 expected version      9 fingerprint of the request
--       3 documents  hash             3 "set" or "delete"    10 seconds to keep the request
--       4 versions   hash             4 text                 11 the mark; a lineage, should there be none yet
--       5 events     stream           5 kind                 12 length of the stream
--       6 history    sorted set       6 name                 13 length of the history
--       7 request    hash             7 action                14 actor
--       8 sizes      hash                                     15 id of the request   16 its traceparent
--       9 churn      list                                     17 "people" or "churn": whose budget it takes from
--      10 restored   string                                   18 bytes kept of people's changes   19 of one document's
--      11 reserved   string                                   20 bytes kept of churn              21 entries of it
--      12 requests   list
--                                                             22 revision seen by who reserves; "" reserves nothing
--                                                             23 lineage of what the writer serves; "" for none
--                                                             24 revision of it
--                                                             25 requests kept of the actor; 0 keeps none for long
--
-- Churn is what instances do. It has a budget of its own, so that it never displaces what people did. Each entry says how
-- many bytes it takes of people's budget (`size`), and how many people (`people`) and its document (`own`) had written up
-- to it, so that what is kept can be told without reading it.
--
-- Answers {"done", revision, at in ms, before or false}, {"again", revision}, {"reused"}, {"conflict", version}, or
-- {"behind"} if the store has less than the writer serves.

local seen = redis.call("HMGET", KEYS[7], "fingerprint", "revision")
if seen[1] then
  if seen[1] ~= ARGV[9] then return {"reused"} end
  -- A write, if only of how long this is kept: who waits for what the connection has written waits for the first time's.
  redis.call("EXPIRE", KEYS[7], ARGV[10])
  return {"again", seen[2]}
end

-- The stream's ids are the revisions and only rise. Should the revision have been lost or set back by hand, or a
-- stranger have appended, the higher of the two counts: a revision never comes twice.
local revision = tonumber(redis.call("GET", KEYS[1]) or "0") or 0
local last = redis.call("XREVRANGE", KEYS[5], "+", "-", "COUNT", 1)[1]
if last then revision = math.max(revision, tonumber(string.match(last[1], "^%d+"))) end
-- A store that was emptied or went back: what is written to it now would be lost when it is restored.
if ARGV[23] ~= "" and (redis.call("GET", KEYS[2]) ~= ARGV[23] or revision < tonumber(ARGV[24])) then
  return {"behind"}
end

local version = redis.call("HGET", KEYS[4], ARGV[1]) or "0"
-- A document that was lost, and not deleted, can be written anew.
if redis.call("HEXISTS", KEYS[3], ARGV[1]) == 0 then version = "0" end
if version ~= ARGV[2] then return {"conflict", version} end
if ARGV[22] ~= "" then
  for _, key in ipairs({KEYS[10], KEYS[11]}) do
    if (tonumber(redis.call("GET", key) or "0") or 0) > tonumber(ARGV[22]) then return {"conflict", version} end
  end
end

-- What a reader must have seen last, to know that this is not another history that counts on from an old backup.
local follows
if last and last[1] == string.format("%.0f-0", revision) then
  for index = 1, #last[2], 2 do if last[2][index] == "mark" then follows = last[2][index + 1] end end
end
revision = string.format("%.0f", revision + 1)

local time = redis.call("TIME")
local at = string.format("%.0f", tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
local before = redis.call("HGET", KEYS[3], ARGV[1])
local event = {"kind", ARGV[5], "name", ARGV[6], "action", ARGV[7], "actor", ARGV[14], "reason", ARGV[8], "at", at,
  "mark", ARGV[11]}
for index, name in pairs({[15] = "request", [16] = "trace"}) do
  if ARGV[index] ~= "" then table.insert(event, name) table.insert(event, ARGV[index]) end
end
if follows then table.insert(event, "follows") table.insert(event, follows) end
if before then table.insert(event, "before") table.insert(event, before) end
if ARGV[3] == "set" then table.insert(event, "after") table.insert(event, ARGV[4]) end

local function numbers_of(entry)
  local found = {people = 0, own = 0, size = 0}
  for index = 1, #(entry and entry[2] or {}), 2 do
    local name = entry[2][index]
    if found[name] then found[name] = tonumber(entry[2][index + 1]) or 0 end
  end
  return found
end

local function numbers_at(id)
  return numbers_of(id and redis.call("XRANGE", KEYS[5], id .. "-0", id .. "-0")[1])
end

local function total_of(name) return tonumber(redis.call("HGET", KEYS[8], name) or "0") or 0 end

local is_churn = ARGV[17] == "churn"
local size = #ARGV[4] + #(before or "") + #ARGV[8] + 300
local totals = {people = total_of("people"), churn = total_of("churn"), live = total_of("live")}
totals[ARGV[17]] = totals[ARGV[17]] + size
local own = 0
if not is_churn then
  totals.live = totals.live + size
  own = numbers_at(redis.call("ZREVRANGE", KEYS[6], 0, 0)[1]).own + size
end
for name, value in pairs({people = totals.people, own = own, size = is_churn and 0 or size}) do
  table.insert(event, name) table.insert(event, string.format("%.0f", value))
end

-- First what can fail, for want of memory or over a key of another type: a script is not rolled back.
redis.call("ZCARD", KEYS[6])
redis.call("LLEN", KEYS[9])
redis.call("LLEN", KEYS[12])
redis.call("XADD", KEYS[5], "MAXLEN", "~", ARGV[12], revision .. "-0", unpack(event))
redis.call("SET", KEYS[1], revision)
-- Everybody has seen a change long before an hour has passed.
if ARGV[22] ~= "" then redis.call("SET", KEYS[11], revision, "PX", "3600000") end
redis.call("SET", KEYS[2], ARGV[11], "NX")
if ARGV[3] == "set" then
  redis.call("HSET", KEYS[3], ARGV[1], ARGV[4])
  redis.call("HSET", KEYS[4], ARGV[1], revision)
else
  redis.call("HDEL", KEYS[3], ARGV[1])
  redis.call("HDEL", KEYS[4], ARGV[1])
end
redis.call("ZADD", KEYS[6], revision, revision)
redis.call("ZREMRANGEBYRANK", KEYS[6], 0, -1 - tonumber(ARGV[13]))

-- So many at a time: a large change may take the place of thousands of small ones, over the next changes.
local most = 256
if is_churn then
  redis.call("RPUSH", KEYS[9], revision .. " " .. string.format("%.0f", totals.churn))
  for _ = 1, most do
    local oldest, total = string.match(redis.call("LINDEX", KEYS[9], 0) or "", "^(%d+) (%d+)$")
    local is_over = not oldest or totals.churn - total > tonumber(ARGV[20])
    if oldest == revision or not (is_over or redis.call("LLEN", KEYS[9]) > tonumber(ARGV[21])) then break end
    redis.call("LPOP", KEYS[9])
    if oldest then redis.call("XDEL", KEYS[5], oldest .. "-0") end
  end
else
  for _ = 1, most do
    local oldest = redis.call("ZRANGE", KEYS[6], 0, 0)[1]
    local numbers = numbers_at(oldest)
    if not oldest or oldest == revision or own - numbers.own <= tonumber(ARGV[19]) then break end
    redis.call("ZREM", KEYS[6], oldest)
    if redis.call("XDEL", KEYS[5], oldest .. "-0") == 1 then totals.live = totals.live - numbers.size end
  end
  for _ = 1, most do
    local oldest = redis.call("XRANGE", KEYS[5], "-", "+", "COUNT", 1)[1]
    local numbers = numbers_of(oldest)
    -- Never more than was written since the oldest: what else trims the stream does not tell how much that was.
    totals.live = math.max(0, math.min(totals.live, totals.people - numbers.people + numbers.size))
    if not oldest or oldest[1] == revision .. "-0" or totals.live <= tonumber(ARGV[18]) then break end
    redis.call("XDEL", KEYS[5], oldest[1])
    totals.live = totals.live - numbers.size
  end
end
for name, value in pairs(totals) do redis.call("HSET", KEYS[8], name, string.format("%.0f", value)) end
redis.call("HSET", KEYS[7], "fingerprint", ARGV[9], "revision", revision)
redis.call("EXPIRE", KEYS[7], ARGV[10])
-- The oldest of an actor give way: each is kept for a day, and one actor could fill the memory with them.
if ARGV[25] ~= "0" then
  redis.call("RPUSH", KEYS[12], KEYS[7])
  redis.call("EXPIRE", KEYS[12], ARGV[10])
  for _ = 1, 2 do
    if redis.call("LLEN", KEYS[12]) > tonumber(ARGV[25]) then redis.call("DEL", redis.call("LPOP", KEYS[12])) end
  end
end
return {"done", revision, at, before}
