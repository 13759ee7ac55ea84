"""Counts a visit in the database, and says who counted it."""

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Visit(BaseHTTPRequestHandler):
    """One request is one visit."""

    wbufsize = -1  # head and page leave together, or not at all

    def do_GET(self) -> None:
        with socket.create_connection(("database", 6379), timeout=2) as database:
            database.sendall(b"INCR visits\r\n")
            number = int(database.recv(64)[1:])  # the answer is such as ":7\r\n"
        page = f"visit {number} counted by {socket.gethostname()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


server = ThreadingHTTPServer(("", 8000), Visit)
sys.stderr.write("listening\n")
server.serve_forever()
