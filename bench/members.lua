-- The same call, each time by another member, perhaps under a key of its own.
-- Arguments: the tokens' file, the method, and the body and the key's beginning where there are some.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads)
end

function init(args)
  math.randomseed(os.time() * 10 + seed)
  tokens = {}
  for token in io.lines(args[1]) do tokens[#tokens + 1] = token end
  method, body, key = args[2], args[3], args[4]
  sent = 0
end

function request()
  local headers = { ["Authorization"] = "Bearer " .. tokens[math.random(#tokens)] }
  if body then headers["Content-Type"] = "application/json" end
  if key then
    sent = sent + 1
    headers["Idempotency-Key"] = key .. "-" .. seed .. "-" .. sent
  end
  return wrk.format(method, nil, headers, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.3f,"errors":%d,"p50_ms":%.2f,"p95_ms":%.2f,"p99_ms":%.2f}\n',
    summary.requests, summary.duration / 1e6,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000))
end
