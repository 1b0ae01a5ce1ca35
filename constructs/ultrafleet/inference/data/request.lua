-- Who asks, whether for a stream, and with which beginning. Envoy runs it once for each request.

local clients = {}
for line in io.lines("/keys/clients") do
  local client, key = string.match(line, "^(%S+) (%S+)$")
  if client then clients[key] = client end
end

local BEGINNING = 4096
local FIRST_QUESTION = 1024

-- Hash of a conversation's beginning: instructions, and the first question. It is the same at each turn.
local function conversation(text)
  local from = string.find(text, '"messages"', 1, true)
  if from == nil then return nil end
  local _, user = string.find(text, '"role"%s*:%s*"user"', from)
  local _, first = string.find(text, '"content"%s*:%s*"', user or from)
  local to = from + BEGINNING
  if first then
    to = math.min((string.find(text, '[^\\]"', first)) or first, first + FIRST_QUESTION)
  end
  local hash = 5381
  for place = math.max(from, to - BEGINNING), math.min(to, #text) do
    hash = (hash * 33 + string.byte(text, place)) % 4294967296
  end
  return string.format("%d", hash)
end

function envoy_on_request(handle)
  local key = string.match(handle:headers():get("authorization") or "", "^[Bb]earer (%S+)$")
  local client = key and clients[key]
  if client == nil then
    handle:respond(
      {[":status"] = "401", ["content-type"] = "application/json"},
      '{"error": {"message": "no such key", "type": "invalid_request_error", "code": "invalid_api_key"}}'
    )
    return
  end
  local body = handle:body()
  local text = body and body:getBytes(0, body:length()) or ""
  local headers = handle:headers()
  headers:remove("authorization")
  headers:replace("x-ultrafleet-client", client)
  headers:replace("x-ultrafleet-stream", string.find(text, '"stream"%s*:%s*true') and "true" or "false")
  headers:remove("x-ultrafleet-conversation")
  local found = conversation(text)
  if found then headers:add("x-ultrafleet-conversation", found) end
  handle:clearRouteCache()
end
