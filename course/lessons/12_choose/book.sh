#!/bin/sh
# The guest book, a program that busybox's httpd runs for each visit (CGI): GET shows the book,
# POST signs it with the name in its body.
RELEASE=1
ORDER=ASC # oldest first

sql="PRAGMA synchronous = EXTRA; -- a signature survives a power cut, the last one too
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, release INTEGER NOT NULL);"
if [ "$REQUEST_METHOD" = POST ]; then
    name=$(head -c "${CONTENT_LENGTH:-0}" | tr -cd 'A-Za-z0-9 -' | cut -c 1-40) # no quotes: no SQL
    sql="$sql INSERT INTO entry (name, release) VALUES ('$name', $RELEASE);"
fi
printf 'Content-Type: text/plain\r\n\r\n'
sqlite3 -cmd '.timeout 5000' /data/book.db "$sql
SELECT 'guest book, release $RELEASE, ' || count(*) || ' entries' FROM entry;
SELECT name || ', by release ' || release FROM entry ORDER BY number $ORDER;"
