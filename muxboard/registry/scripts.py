"""What Redis runs in one step: no other asker comes between the look and the change. Its clock counts."""

NOW = "local t = redis.call('TIME') local now = tonumber(t[1]) + tonumber(t[2]) / 1000000 "

# KEYS: counters. ARGV: holder, seconds it lives, whose lease ends by this or '', one limit for each. Returns
# 0, or the number of the full one. Only a lease that counts in the first counter, its owner's, can be ended.
LEASE = (
    NOW
    + """
for _, key in ipairs(KEYS) do redis.call('ZREMRANGEBYSCORE', key, '-inf', now) end
local instead = ARGV[3] ~= '' and redis.call('ZSCORE', KEYS[1], ARGV[3])
for i, key in ipairs(KEYS) do
  local held = redis.call('ZCARD', key)
  if instead and redis.call('ZSCORE', key, ARGV[3]) then held = held - 1 end
  if redis.call('ZSCORE', key, ARGV[1]) then held = held - 1 end
  if held >= tonumber(ARGV[i + 3]) then return i end
end
for _, key in ipairs(KEYS) do
  if instead then redis.call('ZREM', key, ARGV[3]) end
  redis.call('ZADD', key, now + tonumber(ARGV[2]), ARGV[1])
  redis.call('PEXPIRE', key, math.ceil(tonumber(ARGV[2]) * 2000))
end
return 0
"""
)

# KEYS: counters, one for each of the holders in ARGV after the seconds. A lease that was lost is taken again:
# its terminal lives, whatever the cap.
RENEW = (
    NOW
    + """
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + tonumber(ARGV[1]), ARGV[i + 1])
  redis.call('PEXPIRE', key, math.ceil(tonumber(ARGV[1]) * 2000))
end
return 0
"""
)

COUNT = NOW + "return redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')"

# KEYS: the window. ARGV: how many, in how many seconds, a name for this event or '' to only look.
# Returns -1, or the microseconds until there is room.
HIT = (
    NOW
    + """
local count, seconds = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - seconds)
if redis.call('ZCARD', KEYS[1]) >= count then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(0, math.ceil((tonumber(oldest[2]) + seconds - now) * 1000000))
end
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[1], now, ARGV[3])
  redis.call('PEXPIRE', KEYS[1], math.ceil(seconds * 1000))
end
return -1
"""
)

# KEYS: the seed. ARGV: what it is where there is none, or ''. Returns it with the name of this life of the
# server: one that was restarted may have older data than it had, and not know which ids were used.
SEED = """
if ARGV[1] ~= '' then redis.call('SET', KEYS[1], ARGV[1], 'NX') end
local seed = redis.call('GET', KEYS[1])
return seed and seed .. string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
"""

# KEYS: a claim. ARGV: whose. Gives it back where it is still theirs.
UNCLAIM = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
