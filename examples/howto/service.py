"""service.py [PORT]: a web server and a worker behind it. SIGTERM ends both in order: what was begun is finished."""

from gevent import monkey

monkey.patch_all()

import signal
import sys
import time

import gevent
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from gevent.queue import Queue, ShutDown

PATIENCE = 10  # seconds for requests, and for jobs

jobs = Queue()


def application(environ, start_response):
    print("asked for", environ["PATH_INFO"], flush=True)
    time.sleep(0.2)
    jobs.put(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done\n"]


def work():
    while True:
        try:
            path = jobs.get()
        except ShutDown:
            return
        time.sleep(0.05)
        print("worked on", path, flush=True)


def main(port=0):
    asked_to_stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, asked_to_stop.set)
    worker = gevent.spawn(work)
    server = WSGIServer(("127.0.0.1", int(port)), application, log=None)
    server.start()
    print(server.server_port, flush=True)
    asked_to_stop.wait()
    print("stops", flush=True)
    server.stop(PATIENCE)  # nobody is let in; requests under way are answered
    jobs.shutdown()  # no job is taken on; those that are there are done
    worker.join(PATIENCE)
    print("has stopped", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
