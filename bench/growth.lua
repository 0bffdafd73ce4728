-- Calls of many members in no order. Arguments: a file of lines "token" or "token path", the method, the body
-- (or ""), and the milliseconds to rest between two calls of a connection (or nothing).
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads)
end

function init(args)
  math.randomseed(os.time() * 10 + seed)
  calls = {}
  for line in io.lines(args[1]) do calls[#calls + 1] = line end
  method, body, rest = args[2], args[3], tonumber(args[4])
  if body == "" then body = nil end
  if rest then delay = function() return rest end end
end

function request()
  local token, path = calls[math.random(#calls)]:match("^(%S+)%s*(%S*)")
  if path == "" then path = nil end
  local headers = { ["Authorization"] = "Bearer " .. token }
  if body then headers["Content-Type"] = "application/json" end
  return wrk.format(method, path, headers, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.3f,"errors":%d,"p50_ms":%.2f,"p95_ms":%.2f,"p99_ms":%.2f,"longest_ms":%.2f}\n',
    summary.requests, summary.duration / 1e6,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
