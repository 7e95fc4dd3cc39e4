"""A question is under way when the process forks: the parent gets its answer, and both can ask more."""

import sys
import threading
from pathlib import Path

import gevent
import gevent.os
from gevent.resolver._hostsfile import HostsFile
from gevent.resolver.ares import Resolver

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from nameserver import A, NameServer  # noqa: E402

forked = threading.Event()


def after_fork(query):
    return [query.reply([("again.test", A, "10.0.0.6")])] if forked.is_set() else []


with NameServer({"one.test": {A: ["10.0.0.1"]}, "again.test": after_fork}) as server:
    resolver = Resolver(use_environ=False, servers=[f"{server.host}:{server.port}"], timeout=0.3, tries=50)
    resolver.hosts_file = HostsFile("/nonexistent")
    gevent.get_hub().resolver = resolver
    asking = gevent.spawn(resolver.gethostbyname, "again.test")
    gevent.sleep(0)
    child = gevent.os.fork()
    forked.set()  # the server is a thread of the parent's
    if child:
        gevent.os.waitpid(child, 0)
    print("parent" if child else "child", resolver.gethostbyname("one.test"), flush=True)
    if not child:
        print(resolver.gethostbyname("again.test"), flush=True)
        gevent.os._exit(0)
    print(asking.get())
