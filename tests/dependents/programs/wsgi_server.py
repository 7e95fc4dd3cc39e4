"""Serve an application with gevent.pywsgi, everything patched: wsgi_server.py MODULE:NAME."""

from gevent import monkey

monkey.patch_all()

import importlib  # noqa: E402
import sys  # noqa: E402

from gevent.pywsgi import WSGIServer  # noqa: E402


def main():
    module, _, name = sys.argv[1].partition(":")
    server = WSGIServer(("127.0.0.1", 0), getattr(importlib.import_module(module), name), log=None)
    server.start()
    print(f"serving on port {server.server_port}.", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
