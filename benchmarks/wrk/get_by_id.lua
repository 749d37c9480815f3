-- Reads random products, the same in every round. Each twentieth product is inactive and left out.
local rows = tonumber(os.getenv("ROWS"))

function init()
  math.randomseed(1)
end

function request()
  local id = math.random(rows)
  if id % 20 == 0 then
    id = id - 1
  end
  return wrk.format("GET", "/api/v1/products/" .. id)
end
