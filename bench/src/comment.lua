-- For wrk: sends a comment under one article after the other, so that no two connections wait for the same article.
local count = 0
local headers = { ["content-type"] = "application/json", ["authorization"] = "Token TOKEN" }
local body = '{"comment":{"body":"A comment of a usual length, about what the article says and leaves out."}}'
function request()
  count = count % 1000 + 1
  return wrk.format("POST", "/api/articles/article-" .. count .. "/comments", headers, body)
end
