-- For wrk: sends events of 1 KiB to a queue, each with an id of its own, since a queue takes one id only once.
local run, count = os.time(), 0
local threads = 0
local body = string.rep("x", 1024)
local headers = { ["ce-specversion"] = "1.0", ["ce-source"] = "/bench", ["ce-type"] = "bench.message" }
function setup(thread)
  thread:set("thread", threads)
  threads = threads + 1
end
function request()
  count = count + 1
  headers["ce-id"] = run .. "-" .. thread .. "-" .. count
  return wrk.format("POST", nil, headers, body)
end
