#!/usr/bin/lua
-- Says how many visitors came. From the year 2009.
local file = io.open("/var/lib/app/visits")
local visits = (file and file:read("*n") or 0) + 1
io.open("/var/lib/app/visits", "w"):write(visits)
print("Content-Type: text/plain\n")
print(string.format("bakery, %d visits, %s", unpack({ visits, _VERSION })))
