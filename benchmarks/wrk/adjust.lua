-- Adds one to the stock of a random product. Each request has its own Idempotency-Key.
local rows = tonumber(os.getenv("ROWS"))
local run = os.time() .. tostring({}):gsub("%W", "")
local made = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

function request()
  made = made + 1
  wrk.headers["Idempotency-Key"] = run .. "-" .. made
  local body = string.format(
    '{"lines": [{"product_id": %d, "delta": 1}], "reason": "delivered"}', math.random(rows))
  return wrk.format(nil, "/api/v1/stock-adjustments/", nil, body)
end
