-- For wrk: asks for each URL once. The path ends where a query goes on; the time makes the queries of one run others
-- than those of the run before.
local run = os.time()
local count = 0
function request()
  count = count + 1
  return wrk.format(nil, wrk.path .. "run=" .. run .. "&n=" .. count)
end
