-- One load for wrk: LOAD_METHOD and LOAD_PATH say what is asked. "{id}" in the path becomes one of
-- the ids of the file LOAD_IDS, a POST carries one of TASKS tasks. LOAD_RATE requests are sent in a
-- second, where it is not 0, or as many as are answered. The end is one line of JSON.
local method = os.getenv("LOAD_METHOD")
local path = os.getenv("LOAD_PATH")
local rate = tonumber(os.getenv("LOAD_RATE"))
local thread_number, threads = 0, 0

function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

-- All requests are written before the load is: the driver shares the cores with what it measures.
local TASKS = 1000  -- for each thread
local requests = {}

local get_headers = {Accept = "application/json"}
local post_headers = {Accept = "application/json", ["Content-Type"] = "application/json"}

function init()
  math.randomseed(thread_number + 1)
  if method == "POST" then
    for number = 1, TASKS do
      requests[number] = wrk.format("POST", path, post_headers, string.format(
        '{"title":"Task %03d%09d","description":"Written by the load driver, as long as a sentence is.","done":false}',
        thread_number, number))
    end
  elseif path:find("{id}", 1, true) then
    for id in io.lines(os.getenv("LOAD_IDS")) do
      requests[#requests + 1] = wrk.format(method, (path:gsub("{id}", id)), get_headers)
    end
  else
    requests[1] = wrk.format(method, path, get_headers)
  end
end

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, nanoseconds; } minga_time; int clock_gettime(int, minga_time *);")

-- Each request has its moment, half of them on either of the two threads; who is late catches up.
local THREADS = 2
local due

local function clock()
  local time = ffi.new("minga_time")
  ffi.C.clock_gettime(1, time)  -- CLOCK_MONOTONIC
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

local function pause()
  local now = clock()
  due = (due or now) + THREADS / rate
  return math.max(0, math.floor((due - now) * 1000))
end

if rate > 0 then
  delay = pause
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"bad_status":%d,"socket_errors":%d,"timeouts":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status, e.connect + e.read + e.write, e.timeout))
end
