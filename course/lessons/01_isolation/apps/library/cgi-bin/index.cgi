#!/usr/bin/lua
-- Says how many visitors came, and how many dozens that makes. From this year.
local file = io.open("/var/lib/app/visits")
local visits = (file and file:read("n") or 0) + 1
io.open("/var/lib/app/visits", "w"):write(visits)
print("Content-Type: text/plain\n")
print(string.format("library, %d visits, %s, dozens: %d", visits, _VERSION, visits // 12))
