"""profiled.py: where three greenlets spend the processor's time. Waiting costs none, so it does not count."""

import cProfile
import pstats
import time

import gevent


def parse(text):
    return [int(word) for word in text.split()]


def fetch(number):
    gevent.sleep(0.05)  # in the place of the network
    return " ".join(map(str, range(20_000)))


def handle(number):
    return sum(parse(fetch(number)))


profile = cProfile.Profile(time.process_time)
profile.enable()
gevent.joinall([gevent.spawn(handle, number) for number in range(3)], raise_error=True)
profile.disable()
pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(4)
