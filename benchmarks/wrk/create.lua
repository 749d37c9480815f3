-- Creates a new product with each request.
local started = os.time()
local made = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

function request()
  made = made + 1
  local body = string.format(
    '{"name": "Folding Chair %d-%d", "description": "Made to order.", "price": %d.%02d, "stock": %d}',
    started, made, made % 1000 + 1, made % 100, made % 500)
  return wrk.format(nil, nil, nil, body)
end
