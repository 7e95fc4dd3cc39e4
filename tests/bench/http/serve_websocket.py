"""A server to measure: serve_websocket.py KIND PORT, with the interpreter that has what KIND needs."""

import sys


def echo(environ, start_response):
    websocket = environ["wsgi.websocket"]
    while (message := websocket.receive()) is not None:
        websocket.send(message)
    return []


def main():
    from gevent.pywsgi import WSGIServer

    kind, port = sys.argv[1], int(sys.argv[2])
    options = {}
    if kind == "gevent-websocket":
        from geventwebsocket.handler import WebSocketHandler

        options["handler_class"] = WebSocketHandler
    WSGIServer(("127.0.0.1", port), echo, log=None, **options).serve_forever()


if __name__ == "__main__":
    main()
