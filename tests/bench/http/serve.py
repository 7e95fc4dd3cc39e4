"""A server to measure: serve.py KIND PORT APPLICATION, with the interpreter that has what KIND needs."""

import sys

PLAIN = [("Content-Type", "text/plain"), ("Content-Length", "12")]
TEN = [*PLAIN, *((f"X-Header-{i}", f"value {i}") for i in range(8))]
BLOCK = b"x" * 10_000_000


def hello(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"Hello world!"]


def ten(environ, start_response):
    start_response("200 OK", TEN)
    return [b"Hello world!"]


def sleep(environ, start_response):
    import gevent

    gevent.sleep(0.005)
    return hello(environ, start_response)


def down(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(BLOCK)))])
    return [BLOCK]


def up(environ, start_response):
    environ["wsgi.input"].read()
    return hello(environ, start_response)


def main():
    kind, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    application = globals()[name]
    if kind == "bjoern":
        import bjoern

        bjoern.run(application, "127.0.0.1", port)
    elif kind == "fastwsgi":
        import fastwsgi

        fastwsgi.run(wsgi_app=application, host="127.0.0.1", port=port, loglevel=0)
    else:
        from gevent.pywsgi import WSGIServer

        WSGIServer(("127.0.0.1", port), application, log=None).serve_forever()


if __name__ == "__main__":
    main()
