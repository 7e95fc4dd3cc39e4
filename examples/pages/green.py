"""green.py PORT [COUNT]: the same program, its functions unchanged, each page in a greenlet of its own."""

from gevent import monkey

monkey.patch_all()

import sys
import time

import legacy
from gevent.pool import Group

start = time.perf_counter()
sizes = Group().map(legacy.fetch, legacy.addresses(*sys.argv[1:]))
print(f"{len(sizes)} pages, {sum(sizes)} bytes, in {time.perf_counter() - start:.2f} s")
