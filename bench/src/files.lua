-- For wrk: asks for one of the small files after the other. Their requests are made before, so that little Lua runs between them.
local FILES = 100
local requests = {}
local count = 0
function init()
  for number = 0, FILES - 1 do
    requests[number] = wrk.format("GET", "/small/" .. number .. ".bin")
  end
end
function request()
  count = (count + 1) % FILES
  return requests[count]
end
