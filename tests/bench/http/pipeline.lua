-- Sixteen requests at a time.
local together

init = function()
    local parts = {}
    for i = 1, 16 do
        parts[i] = wrk.format("GET", "/")
    end
    together = table.concat(parts)
end

request = function()
    return together
end
