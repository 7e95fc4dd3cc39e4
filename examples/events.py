"""An Event lets any number of greenlets wait for one moment; an AsyncResult brings them a value too."""

import gevent
from gevent.event import AsyncResult, Event

opened = Event()
price = AsyncResult()


def customer(name):
    opened.wait()
    print(name, "enters and pays", price.get())


def owner():
    gevent.sleep(0.05)
    print("the shop opens")
    opened.set()
    gevent.sleep(0.05)
    price.set("3.50")


gevent.joinall([gevent.spawn(owner), *(gevent.spawn(customer, name) for name in ("Ann", "Bob", "Cleo"))])
print("waiting now takes no time:", opened.wait(), price.get())
