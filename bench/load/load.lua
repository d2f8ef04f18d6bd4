-- One load for wrk: LOAD_METHOD and LOAD_PATH say what is asked. "{id}" in the path becomes one of
-- the ids of the file LOAD_IDS, a POST carries a new task each time. The end is one line of JSON.
local method = os.getenv("LOAD_METHOD")
local path = os.getenv("LOAD_PATH")
local ids, number, thread_number, threads = {}, 0, 0, 0

function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

function init()
  math.randomseed(thread_number + 1)
  if path:find("{id}", 1, true) then
    for id in io.lines(os.getenv("LOAD_IDS")) do ids[#ids + 1] = id end
  end
end

local get_headers = {Accept = "application/json"}
local post_headers = {Accept = "application/json", ["Content-Type"] = "application/json"}

function request()
  if method == "POST" then
    number = number + 1
    local title = "Task " .. thread_number .. "-" .. number
    return wrk.format("POST", path, post_headers,
      '{"title":"' .. title .. '","description":"Written by the load driver, as long as a sentence is.","done":false}')
  end
  local target = path
  if #ids > 0 then target = path:gsub("{id}", ids[math.random(#ids)]) end
  return wrk.format(method, target, get_headers)
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"bad_status":%d,"socket_errors":%d,"timeouts":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status, e.connect + e.read + e.write, e.timeout))
end
