-- What members do in a day, each request another member's: see `share`, in percent.
-- Each thread must have one connection: then an answer belongs to the request before it, and can be timed.
-- Arguments: the tokens' file, the first id and the number of counted products, the same of the others.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } bench_time;
  int clock_gettime(int clock, bench_time *now);
]]
local MONOTONIC = 1
local moment = ffi.new("bench_time")
local threads = {}

local function now_us()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) * 1e6 + tonumber(moment.nanoseconds) / 1e3
end

local function get(path)
  return function() return "GET", path end
end

local function redeem()
  if math.random(2) == 1 then
    return "POST", "/api/v1/rewards/redeem/", '{"redemption_option_id":"voucher-10","points_to_redeem":100}'
  end
  return "POST", "/api/v1/rewards/redeem/", '{"redemption_option_id":"free-shipping","points_to_redeem":50}'
end

local function order()
  local first = math.random(0, counted_size - 1)
  local second = (first + math.random(1, counted_size - 1)) % counted_size
  return "POST", "/api/v1/orders/", string.format(
    '{"lines":[{"product_id":%d,"qty":1},{"product_id":%d,"qty":2},{"product_id":%d,"qty":3}],"points":100}',
    counted + first, counted + second, plain + math.random(0, plain_size - 1))
end

local calls = {
  { kind = "balance", share = 35, make = get("/api/v1/rewards/balance/") },
  { kind = "status", share = 35, make = get("/api/v1/rewards/loyalty-status/") },
  { kind = "list: history", share = 3, make = get("/api/v1/rewards/transactions/") },
  { kind = "list: vouchers", share = 3, make = get("/api/v1/rewards/vouchers/") },
  { kind = "list: options", share = 3, make = get("/api/v1/rewards/redemption-options/") },
  { kind = "list: earn rules", share = 2, make = get("/api/v1/rewards/earn-rules/") },
  { kind = "list: orders", share = 2, make = get("/api/v1/orders/") },
  { kind = "list: products", share = 2, make = get("/api/v1/catalog/products/") },
  { kind = "redeem", share = 10, make = redeem },
  { kind = "order", share = 5, make = order },
}

function setup(thread)
  threads[#threads + 1] = thread
  thread:set("seed", #threads)
end

function init(args)
  math.randomseed(os.time() * 100 + seed)
  tokens = {}
  for token in io.lines(args[1]) do tokens[#tokens + 1] = token end
  counted, counted_size = tonumber(args[2]), tonumber(args[3])
  plain, plain_size = tonumber(args[4]), tonumber(args[5])
  answers = {}
  lost = seed == 1 and -1 or 0  -- wrk asks its first thread for a request that it never sends
end

function request()
  if began then lost = lost + 1 end
  local left = math.random(100)
  for _, call in ipairs(calls) do
    left = left - call.share
    if left <= 0 then
      kind = call.kind
      local method, path, body = call.make()
      local headers = { ["Authorization"] = "Bearer " .. tokens[math.random(#tokens)] }
      if body then headers["Content-Type"] = "application/json" end
      local made = wrk.format(method, path, headers, body)
      began = now_us()
      return made
    end
  end
end

function response(status)
  local us = now_us() - began
  began = nil
  local size = 10 ^ math.max(0, math.floor(math.log10(us)) - 2)  -- three digits are kept
  local key = string.format("%s|%d|%d", kind, status, math.floor(us / size + 0.5) * size)
  answers[key] = (answers[key] or 0) + 1
end

function done(summary)
  local counts, unanswered = {}, 0
  for _, thread in ipairs(threads) do
    for key, count in pairs(thread:get("answers")) do counts[key] = (counts[key] or 0) + count end
    unanswered = unanswered + thread:get("lost")
  end
  local parts = {}
  for key, count in pairs(counts) do parts[#parts + 1] = string.format('"%s":%d', key, count) end
  local errors = summary.errors
  io.write(string.format(
    '\n{"seconds":%.3f,"unanswered":%d,"socket_errors":%d,"answers":{%s}}\n',
    summary.duration / 1e6, unanswered, errors.connect + errors.read + errors.write + errors.timeout,
    table.concat(parts, ",")))
end
