"""What a greenlet tells of itself, and where its exception goes."""

import gevent
from gevent.hub import Hub

Hub.NOT_ERROR += (ZeroDivisionError,)  # not worth a report: it is asked for below


def divide(a, b):
    return a / b


def show(when, greenlet):
    print(
        f"{when}: started={greenlet.started} ready={greenlet.ready()} successful={greenlet.successful()}"
        f" value={greenlet.value} exception={greenlet.exception!r}"
    )


good, bad = gevent.spawn(divide, 6, 3), gevent.spawn(divide, 6, 0)
show("begun", good)
gevent.joinall([good, bad])
show("good", good)
show("bad ", bad)
try:
    bad.get()
except ZeroDivisionError as error:
    print("get() raises it again:", error)
