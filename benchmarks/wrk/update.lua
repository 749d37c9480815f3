-- Changes the stock of random active products, to another value with each request.
local rows = tonumber(os.getenv("ROWS"))
local made = 0

wrk.method = "PUT"
wrk.headers["Content-Type"] = "application/json"

function init()
  math.randomseed(2)
end

function request()
  made = made + 1
  local id = math.random(rows)
  if id % 20 == 0 then
    id = id - 1
  end
  return wrk.format(nil, "/api/v1/products/" .. id, nil, string.format('{"stock": %d}', 1000 + made))
end
