"""HTTP, SMTP and FTP servers, of native threads, for clients that come many at once.

`python clientservers.py N` prints their ports as JSON and serves until its input ends. Each answers the decisive request
of a session only when N sessions have come as far as that: clients that take turns never get an answer.
"""

import http.server
import json
import os
import socket
import socketserver
import sys
import threading

BODY = bytes(range(256)) * 400


class HTTPHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(BODY)

    def do_POST(self):
        self.reply(self.rfile.read(int(self.headers["Content-Length"]))[::-1])

    def reply(self, body):
        self.server.meeting.wait()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Path", self.path)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class LineHandler(socketserver.StreamRequestHandler):
    """A protocol of commands in lines: `do_NAME(argument)` answers NAME."""

    greeting = "220 ready"

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say(self.greeting)
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            name, _, argument = line.partition(" ")
            if name.upper() == "QUIT":
                self.say("221 bye")
                return
            method = getattr(self, "do_" + name.upper(), None)
            if method is None:
                self.say("502 unknown")
            else:
                method(argument)


class SMTPHandler(LineHandler):
    def do_EHLO(self, argument):
        self.say("250-here")
        self.say("250 SIZE 1000000")

    def do_MAIL(self, argument):
        self.say("250 ok")

    do_RCPT = do_RSET = do_MAIL

    def do_DATA(self, argument):
        self.say("354 go on")
        size = 0
        while (line := self.rfile.readline()) != b".\r\n":
            size += len(line)
        self.server.meeting.wait()
        self.say(f"250 {size} bytes")


class FTPHandler(LineHandler):
    stored = b""

    def do_USER(self, argument):
        self.say("331 password?")

    def do_PASS(self, argument):
        self.say("230 welcome")

    def do_TYPE(self, argument):
        self.say("200 ok")

    def do_EPSV(self, argument):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.say(f"229 passive (|||{self.listener.getsockname()[1]}|)")

    def do_PASV(self, argument):
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.say(f"227 passive (127,0,0,1,{port >> 8},{port & 255})")

    def transfer(self):
        self.say("150 here it comes")
        with self.listener:
            return self.listener.accept()[0]

    def do_RETR(self, argument):
        with self.transfer() as data:
            self.server.meeting.wait()
            data.sendall(self.stored if argument == "stored" else BODY)
        self.say("226 done")

    def do_STOR(self, argument):
        with self.transfer() as data, data.makefile("rb") as stream:
            self.stored = stream.read()
        self.say("226 done")


def start(make_server, handler, parties):
    server = make_server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.meeting = threading.Barrier(parties)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class ThreadingServer(socketserver.ThreadingTCPServer):
    request_queue_size = 1000


class HTTPServer(http.server.ThreadingHTTPServer):
    request_queue_size = 1000


def main():
    parties = int(sys.argv[1])
    ports = {
        "http": start(HTTPServer, HTTPHandler, parties),
        "smtp": start(ThreadingServer, SMTPHandler, parties),
        "ftp": start(ThreadingServer, FTPHandler, parties),
    }
    print(json.dumps(ports), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
