"""Greenlets run in an order that depends on the program alone: the same twice."""

import gevent
from gevent.pool import Pool


def work(number):
    for _ in range(number % 3):
        gevent.sleep(0)  # let the others have a turn
    return number


pool = Pool(4)
first = list(pool.imap_unordered(work, range(12)))
second = list(pool.imap_unordered(work, range(12)))
print("finished in this order:", first)
print("and again:             ", second)
assert first == second
