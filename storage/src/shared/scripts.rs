//! Scripts that the server runs as one step. Each has keys of one slot.

use redis::{Cmd, cmd};

/// The number of the log, which begins with the time. A log without its number has lost it, and begins anew.
pub(super) const NUMBER: &str = "\
local n = redis.call('GET', KEYS[1]) \
if not n then \
  local t = redis.call('TIME') \
  n = string.format('%d', t[1] * 1000 + math.floor(t[2] / 1000)) \
  redis.call('SET', KEYS[1], n, 'EX', ARGV[1]) \
  redis.call('DEL', KEYS[2]) \
end \
return n";

/// Keeps the number, if the server takes changes: one that is full, or that is a replica, refuses this.
pub(super) const KEEP: &str = "\
local n = redis.call('GET', KEYS[1]) \
if n then redis.call('SET', KEYS[1], n, 'EX', ARGV[1]) end \
return 1";

/// The secret of all, which is the first one that was given.
pub(super) const SECRET: &str = "\
local k = redis.call('GET', KEYS[1]) or ARGV[1] \
redis.call('SET', KEYS[1], k, 'EX', ARGV[2]) \
return k";

/// Appends to the log, whose number exists unless the server lost it since it was read.
pub(super) const APPEND: &str = "\
if redis.call('EXISTS', KEYS[1]) == 0 then \
  local t = redis.call('TIME') \
  redis.call('SET', KEYS[1], string.format('%d', t[1] * 1000 + math.floor(t[2] / 1000))) \
  redis.call('DEL', KEYS[2]) \
end \
local n = redis.call('INCR', KEYS[1]) \
redis.call('EXPIRE', KEYS[1], ARGV[1]) \
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], string.format('%d-0', n), 'm', ARGV[3]) \
redis.call('EXPIRE', KEYS[2], ARGV[1]) \
return n";

/// Raises a tag to a number, unless it is higher.
pub(super) const RAISE: &str = "\
local n = redis.call('GET', KEYS[1]) \
if not n or tonumber(n) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end \
redis.call('EXPIRE', KEYS[1], ARGV[2]) \
return 1";

/// A tag's number, which begins with the given one.
pub(super) const TAG: &str = "\
local n = redis.call('GET', KEYS[1]) \
if not n then n = ARGV[1] redis.call('SET', KEYS[1], n) end \
redis.call('EXPIRE', KEYS[1], ARGV[2]) \
return n";

/// Puts a variant under a key, which is kept for as long as its longest. With too many variants or bytes, the key begins anew.
pub(super) const PUT: &str = "\
local count, size = 1, #ARGV[2] \
for _, v in ipairs(redis.call('HKEYS', KEYS[1])) do \
  if v ~= ARGV[1] then \
    count = count + 1 \
    size = size + redis.call('HSTRLEN', KEYS[1], v) \
  end \
end \
if count > tonumber(ARGV[4]) or size > tonumber(ARGV[5]) then redis.call('DEL', KEYS[1]) end \
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) \
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end \
return 1";

/// A call of a script.
pub(super) fn script(text: &str, keys: &[String]) -> Cmd {
    let mut eval = cmd("EVAL");
    eval.arg(text).arg(keys.len()).arg(keys);
    eval
}
