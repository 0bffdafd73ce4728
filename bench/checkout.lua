-- A basket of two products whose stock is counted and one whose isn't, paid in part with points, each request
-- another member's. Arguments: the tokens' file, the first id and the number of counted products, the same of
-- the others.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads)
end

function init(args)
  math.randomseed(os.time() * 10 + seed)
  tokens = {}
  for token in io.lines(args[1]) do tokens[#tokens + 1] = token end
  counted, counted_size = tonumber(args[2]), tonumber(args[3])
  plain, plain_size = tonumber(args[4]), tonumber(args[5])
end

function request()
  local first = math.random(0, counted_size - 1)
  local second = (first + math.random(1, counted_size - 1)) % counted_size
  local body = string.format(
    '{"lines":[{"product_id":%d,"qty":1},{"product_id":%d,"qty":2},{"product_id":%d,"qty":3}],"points":100}',
    counted + first, counted + second, plain + math.random(0, plain_size - 1))
  return wrk.format("POST", nil, {
    ["Authorization"] = "Bearer " .. tokens[math.random(#tokens)],
    ["Content-Type"] = "application/json",
  }, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.3f,"errors":%d,"p50_ms":%.2f,"p95_ms":%.2f,"p99_ms":%.2f}\n',
    summary.requests, summary.duration / 1e6,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000))
end
