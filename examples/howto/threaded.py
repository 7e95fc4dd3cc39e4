"""threaded.py [CLIENTS]: a server with a thread for each client, and as many clients. It knows nothing of greenlets."""

import os
import socket
import socketserver
import sys
import threading


class Shout(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 1000


def ask(address, meeting, answers):
    with socket.create_connection(address) as sock, sock.makefile("rw") as file:
        for word in ("hello", "goodbye"):
            file.write(f"{word}\n")
            file.flush()
            answers.append(file.readline())
            meeting.wait()


def main(count=100):
    with Server(("127.0.0.1", 0), Shout) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        answers, native = [], []
        meeting = threading.Barrier(count, lambda: native.append(len(os.listdir("/proc/self/task"))))
        threads = [threading.Thread(target=ask, args=(server.server_address, meeting, answers)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.shutdown()
    print(f"{len(answers)} answers, {answers.count('HELLO' + chr(10))} of them to hello")
    print(f"native threads at work: {max(native)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
