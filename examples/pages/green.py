"""green.py PORT: the same program, its functions unchanged, 50 pages at once."""

from gevent import monkey

monkey.patch_all()

import sys

import legacy
from gevent.pool import Pool

sizes = Pool(50).map(legacy.fetch, legacy.addresses(sys.argv[1]))
print(len(sizes), "pages,", sum(sizes), "bytes")
